#define PTYCHOSCOPE_ISA_NS neon
#include "fft/transform_2d.inl"
