#define PTYCHOSCOPE_ISA_NS sse41
#include "refine/update.inl"
