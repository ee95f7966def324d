// libtorch's CPU memory, on huge pages and kept for the next step. A training step asks for the same blocks again and
// again; with the system's allocator each is mapped and faulted in anew, 4 KiB at a time.
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <sys/mman.h>

#include <array>
#include <mutex>
#include <new>
#include <vector>

namespace {
constexpr size_t HugePage = size_t{2} << 20;
constexpr size_t Smallest = size_t{64} << 10;  // smaller blocks stay with malloc, which serves them without system calls
constexpr size_t SlabSize = size_t{32} << 20;  // blocks below a huge page are cut from slabs of this size
constexpr size_t KeptAtMost = size_t{2} << 30; // bytes kept unused; what is freed beyond goes back to the system
constexpr size_t Page = 4096;
constexpr int StepsPerDoubling = 4;            // size classes: at most a quarter of a block is slack
constexpr int FromMalloc = -1;

// Lies before the data, which libtorch's alignment of 64 bytes asks for; libtorch frees by the data's address alone.
struct alignas(64) Block { size_t size; int kind; };
void* dataOf(Block* block) { return block + 1; }
Block* blockOf(void* data) { return static_cast<Block*>(data) - 1; }

size_t roundUp(size_t size, size_t step) { return (size + step - 1) / step * step; }

int bitWidth(size_t value) { return value == 0 ? 0 : 64 - __builtin_clzll(value); }

// Class of a size, and the class's own size: 64, 80, 96, 112, 128, 160 KiB, ...
int classOf(size_t size, size_t& rounded) {
  int doublings = bitWidth((size - 1) / Smallest);
  size_t base = doublings == 0 ? Smallest : Smallest << (doublings - 1);
  size_t step = base / StepsPerDoubling;
  size_t steps = doublings == 0 ? 0 : (size - base + step - 1) / step;
  rounded = base + steps * step;
  return doublings == 0 ? 0 : (doublings - 1) * StepsPerDoubling + static_cast<int>(steps);
}

void* mapHuge(size_t size) {
  // A huge page must begin on its own boundary: map one more and give the ends back.
  size_t mapped = size + HugePage;
  void* raw = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TORCH_CHECK(raw != MAP_FAILED, "out of memory: ", size, " bytes were asked for a tensor. Use a smaller batch.");
  auto start = reinterpret_cast<uintptr_t>(raw);
  auto aligned = roundUp(start, HugePage);
  if (aligned > start) munmap(raw, aligned - start);
  if (start + mapped > aligned + size) munmap(reinterpret_cast<void*>(aligned + size), start + mapped - aligned - size);
  madvise(reinterpret_cast<void*>(aligned), size, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}

class CachingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size) const override {
    void* data = size == 0 ? nullptr : dataOf(size <= Smallest ? fromMalloc(size) : take(size));
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

 private:
  static constexpr int Classes = 40 * StepsPerDoubling;
  struct State {
    std::mutex lock;
    std::array<std::vector<Block*>, Classes> unused;
    size_t kept = 0;
    char* slab = nullptr;
    size_t slabLeft = 0;
  };

  // Never destroyed: tensors are freed until the process is gone.
  static State& state() {
    static auto& kept = *new State;
    return kept;
  }

  static Block* fromMalloc(size_t size) {
    return new (c10::alloc_cpu(sizeof(Block) + size)) Block{size, FromMalloc};
  }

  static Block* take(size_t size) {
    size_t rounded;
    int kind = classOf(size, rounded);
    rounded += Page; // room for the header beside sizes that are powers of two
    State& s = state();
    {
      std::lock_guard<std::mutex> guard(s.lock);
      // The next larger class serves as well: batches of varying length would otherwise each keep blocks of their own.
      for (int k = kind; k <= kind + 1 && k < Classes; k++) {
        if (s.unused[k].empty()) continue;
        Block* block = s.unused[k].back();
        s.unused[k].pop_back();
        s.kept -= block->size;
        return block;
      }
      if (rounded < HugePage) return new (cut(s, rounded)) Block{rounded, kind};
    }
    return new (mapHuge(rounded)) Block{rounded, kind};
  }

  static void* cut(State& s, size_t size) {
    if (s.slabLeft < size) {
      s.slab = static_cast<char*>(mapHuge(SlabSize));
      s.slabLeft = SlabSize;
    }
    void* data = s.slab;
    s.slab += size;
    s.slabLeft -= size;
    return data;
  }

  static void release(void* data) {
    if (data == nullptr) return;
    Block* block = blockOf(data);
    if (block->kind == FromMalloc) {
      c10::free_cpu(block);
      return;
    }
    State& s = state();
    {
      std::lock_guard<std::mutex> guard(s.lock);
      if (block->size < HugePage || s.kept + block->size <= KeptAtMost) {
        s.unused[block->kind].push_back(block);
        s.kept += block->size;
        return;
      }
    }
    munmap(block, block->size);
  }
};
}  // namespace

extern "C" void door_use_caching_allocator() {
  static CachingAllocator allocator;
  c10::SetCPUAllocator(&allocator, 1);
}
