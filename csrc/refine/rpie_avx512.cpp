#define PTYCHOSCOPE_ISA_NS avx512
#include "refine_update.inl"
