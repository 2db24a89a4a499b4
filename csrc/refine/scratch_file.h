// Room in a file without a name, for frames that are more than memory shall hold: what is not in use lies in
// the file and in whatever memory the system can spare for it, and is not counted to the process.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ptychoscope {

class ScratchFile {
  public:
    /// In `folder`; throws std::runtime_error when no file can be made there, or on a system without mmap.
    explicit ScratchFile(const std::string& folder);
    ~ScratchFile();
    ScratchFile(const ScratchFile&) = delete;
    ScratchFile& operator=(const ScratchFile&) = delete;

    /// `count` floats that begin on a page; they stay where they are until the end. Throws std::runtime_error
    /// when the file system is full.
    float* append(std::size_t count);
    /// Gives the memory of what `append` returned back to the system; its values stay.
    void release(const float* floats, std::size_t count) const;

  private:
    struct Segment {
        char* start;
        std::size_t bytes, used;
    };
    int file_ = -1;
    std::size_t page_ = 4096, length_ = 0;
    std::vector<Segment> segments_;
};

}  // namespace ptychoscope
