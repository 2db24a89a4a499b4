#include "refine/scratch_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace ptychoscope {

#if defined(__linux__)

namespace {

constexpr std::size_t kSegment = std::size_t{64} << 20;

[[noreturn]] void fail(const std::string& what) {
    throw std::runtime_error(what + ": " + std::strerror(errno));
}

}  // namespace

ScratchFile::ScratchFile(const std::string& folder) : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    std::string name = folder + "/ptychoscope-XXXXXX";
    file_ = mkostemp(&name[0], O_CLOEXEC);
    if (file_ < 0) fail("cannot make a scratch file in " + folder);
    unlink(name.c_str());
}

ScratchFile::~ScratchFile() {
    for (const Segment& segment : segments_) munmap(segment.start, segment.bytes);
    if (file_ >= 0) close(file_);
}

float* ScratchFile::append(std::size_t count) {
    const std::size_t bytes = (count * sizeof(float) + page_ - 1) / page_ * page_;
    if (segments_.empty() || segments_.back().used + bytes > segments_.back().bytes) {
        const std::size_t size = std::max(bytes, kSegment);
        // Room is taken at once: a full disk is an error here, not a bus error at the first write.
        const int error = posix_fallocate(file_, static_cast<off_t>(length_), static_cast<off_t>(size));
        if (error != 0) {
            errno = error;
            fail("no room for " + std::to_string(size >> 20) + " MiB of frames in the scratch file");
        }
        void* start =
            mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file_, static_cast<off_t>(length_));
        if (start == MAP_FAILED) fail("cannot map the scratch file");
        length_ += size;
        segments_.push_back({static_cast<char*>(start), size, 0});
    }
    Segment& segment = segments_.back();
    float* place = reinterpret_cast<float*>(segment.start + segment.used);
    segment.used += bytes;
    return place;
}

void ScratchFile::release(const float* floats, std::size_t count) const {
    const std::size_t bytes = (count * sizeof(float) + page_ - 1) / page_ * page_;
    madvise(const_cast<float*>(floats), bytes, MADV_DONTNEED);
}

#else

ScratchFile::ScratchFile(const std::string&) {
    throw std::runtime_error("frames in a scratch file need Linux");
}
ScratchFile::~ScratchFile() = default;
float* ScratchFile::append(std::size_t) { return nullptr; }
void ScratchFile::release(const float*, std::size_t) const {}

#endif

}  // namespace ptychoscope
