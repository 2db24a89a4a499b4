#define PTYCHOSCOPE_ISA_NS avx512
#include "stitch/kernel_table.inl"
