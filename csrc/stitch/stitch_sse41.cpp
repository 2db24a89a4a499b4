#define PTYCHOSCOPE_ISA_NS sse41
#include "stitch_kernels.inl"
