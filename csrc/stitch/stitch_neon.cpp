#define PTYCHOSCOPE_ISA_NS neon
#include "stitch/kernel_table.inl"
