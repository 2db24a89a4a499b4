# Builds that watch themselves, PTYCHOSCOPE_SANITIZE=address or thread. Undefined behaviour is watched for together
# with threads: with addresses, compiling the kernels takes three times as long. But for the types of objects
# (vptr), whose check makes pipes that threads seem to share.
if(PTYCHOSCOPE_SANITIZE STREQUAL "address")
  set(sanitize -fsanitize=address,vptr)
elseif(PTYCHOSCOPE_SANITIZE STREQUAL "thread")
  set(sanitize -fsanitize=thread,undefined -fno-sanitize=vptr)
else()
  message(FATAL_ERROR "PTYCHOSCOPE_SANITIZE must be address or thread, got ${PTYCHOSCOPE_SANITIZE}")
endif()
add_compile_options(${sanitize} -fno-sanitize-recover=all -fno-omit-frame-pointer)
add_link_options(${sanitize})
set(CMAKE_BUILD_TYPE Debug)
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
# The kernels are compiled as they are written: what is forced into one function elsewhere, and optimised, takes
# four times as long when every access in it is watched.
add_compile_definitions(PTYCHOSCOPE_INLINE=)
