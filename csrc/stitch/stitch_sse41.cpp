#define PTYCHOSCOPE_ISA_NS sse41
#include "stitch/kernel_table.inl"
