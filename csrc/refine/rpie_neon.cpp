#define PTYCHOSCOPE_ISA_NS neon
#include "refine/update.inl"
