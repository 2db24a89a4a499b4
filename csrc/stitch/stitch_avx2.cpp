#define PTYCHOSCOPE_ISA_NS avx2
#include "stitch_kernels.inl"
