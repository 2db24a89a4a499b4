#define PTYCHOSCOPE_ISA_NS neon
#include "refine_update.inl"
