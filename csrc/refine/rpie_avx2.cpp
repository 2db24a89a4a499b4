#define PTYCHOSCOPE_ISA_NS avx2
#include "refine/update.inl"
