#include "net/tls_memory.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include <openssl/crypto.h>
#include <sys/mman.h>

namespace postern::net {

namespace {

/// Sizes of blocks that live for a handshake or a record, and seldom longer.
struct SizeClass {
  std::size_t smallest;
  std::size_t slot_size;  ///< the largest block; whole pages
  std::size_t slot_count;
  std::size_t warm_slots;  ///< free ones that keep their pages; the others' go back to the system
};
/// Key exchange and signature: a handshake has several at a time, an established connection none.
constexpr SizeClass of_handshakes{2049, 4096, 1'000'000, 512};
/// Record buffers (RFC 8446 §5.2: 2^14 + 256 octets plus framing) and the handshake's message
/// buffer (a third more).
constexpr SizeClass of_records{16 * 1024, 24 * 1024, 200'000, 64};

/// Slots in one reserved address range, so that an address shows whether it is a slot.
class Slots {
 public:
  explicit Slots(const SizeClass& sizes) : sizes_(sizes) {
    // Without access it counts as nobody's memory, also where the system commits no more than it
    // has (vm.overcommit_memory = 2).
    void* range = ::mmap(nullptr, sizes_.slot_size * sizes_.slot_count, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range != MAP_FAILED) begin_ = static_cast<char*>(range);
  }

  bool fits(std::size_t size) const { return size >= sizes_.smallest && size <= slot_size(); }
  std::size_t slot_size() const { return sizes_.slot_size; }
  void* take() {
    const std::lock_guard lock(mutex_);
    for (std::vector<std::uint32_t>* list : {&warm_, &cold_}) {
      if (list->empty()) continue;
      const std::uint32_t slot = list->back();
      list->pop_back();
      return at(slot);
    }
    if (used_ == ready_ && !make_ready()) return nullptr;
    return at(used_++);
  }
  void give_back(void* address) {
    const auto slot = static_cast<std::uint32_t>(
        static_cast<std::size_t>(static_cast<char*>(address) - begin_) / slot_size());
    {
      const std::lock_guard lock(mutex_);
      if (warm_.size() < sizes_.warm_slots) {
        warm_.push_back(slot);
        return;
      }
    }
    ::madvise(at(slot), slot_size(), MADV_DONTNEED);  // still this caller's own
    const std::lock_guard lock(mutex_);
    cold_.push_back(slot);
  }
  bool owns(const void* address) const {
    const auto* octet = static_cast<const char*>(address);
    return begin_ != nullptr && octet >= begin_ && octet < begin_ + slot_size() * sizes_.slot_count;
  }

 private:
  char* at(std::uint32_t slot) { return begin_ + slot_size() * slot; }
  /// Makes the next slots usable. False: there are none, or no memory. Requires the lock.
  bool make_ready() {
    const auto more =
        static_cast<std::uint32_t>(std::min<std::size_t>(256, sizes_.slot_count - ready_));
    if (begin_ == nullptr || more == 0 ||
        ::mprotect(at(ready_), slot_size() * more, PROT_READ | PROT_WRITE) != 0) {
      return false;
    }
    ready_ += more;
    return true;
  }

  const SizeClass sizes_;
  char* begin_ = nullptr;
  std::mutex mutex_;
  std::vector<std::uint32_t> warm_;
  std::vector<std::uint32_t> cold_;
  std::uint32_t used_ = 0;
  std::uint32_t ready_ = 0;  ///< slots that have memory; used_ or more
};

/// Never destroyed: OpenSSL frees memory until the process ends.
std::array<Slots, 2>& slots() {
  static auto* instance = new std::array<Slots, 2>{Slots(of_handshakes), Slots(of_records)};
  return *instance;
}

/// The slots that have the address; null: none.
Slots* owner_of(const void* address) {
  for (Slots& one : slots()) {
    if (one.owns(address)) return &one;
  }
  return nullptr;
}

void* allocate(std::size_t size, const char*, int) {
  for (Slots& one : slots()) {
    if (!one.fits(size)) continue;
    if (void* slot = one.take()) return slot;
  }
  return size == 0 ? nullptr : std::malloc(size);
}

void release(void* address, const char*, int) {
  if (Slots* owner = owner_of(address)) {
    owner->give_back(address);
  } else {
    std::free(address);
  }
}

void* resize(void* address, std::size_t size, const char* file, int line) {
  if (address == nullptr) return allocate(size, file, line);
  Slots* owner = owner_of(address);
  if (owner == nullptr) return std::realloc(address, size);
  if (size != 0 && size <= owner->slot_size()) return address;
  void* moved = size == 0 ? nullptr : std::malloc(size);
  if (moved != nullptr) std::memcpy(moved, address, owner->slot_size());
  if (moved != nullptr || size == 0) owner->give_back(address);
  return moved;
}

}  // namespace

bool separate_tls_buffers() { return CRYPTO_set_mem_functions(allocate, resize, release) == 1; }

}  // namespace postern::net
