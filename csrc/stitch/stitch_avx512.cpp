#define PTYCHOSCOPE_ISA_NS avx512
#include "stitch_kernels.inl"
