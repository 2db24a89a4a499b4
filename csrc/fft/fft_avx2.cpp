#define PTYCHOSCOPE_ISA_NS avx2
#include "fft/transform_2d.inl"
