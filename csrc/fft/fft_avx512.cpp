#define PTYCHOSCOPE_ISA_NS avx512
#include "fft/transform_2d.inl"
