#define PTYCHOSCOPE_ISA_NS avx512
#include "refine/update.inl"
