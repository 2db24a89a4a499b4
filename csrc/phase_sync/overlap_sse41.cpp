#define PTYCHOSCOPE_ISA_NS sse41
#include "overlap.inl"
