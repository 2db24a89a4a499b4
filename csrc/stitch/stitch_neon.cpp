#define PTYCHOSCOPE_ISA_NS neon
#include "stitch_kernels.inl"
