#define PTYCHOSCOPE_ISA_NS avx2
#include "stitch/kernel_table.inl"
