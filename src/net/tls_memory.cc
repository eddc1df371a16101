#include "net/tls_memory.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include <openssl/crypto.h>
#include <sys/mman.h>

namespace postern::net {

namespace {

/// The sizes of record buffers (RFC 8446 §5.2: 2^14 + 256 octets plus framing) and of the
/// handshake's message buffer (a third more).
constexpr std::size_t smallest = 16 * 1024;
constexpr std::size_t slot_size = 24 * 1024;  // six pages
constexpr std::size_t slot_count = 200'000;
/// Free slots that keep their pages; the pages of others are returned to the system.
constexpr std::size_t warm_slots = 64;

/// Slots in one reserved address range, so that an address shows whether it is a slot.
class Slots {
 public:
  Slots() {
    void* range = ::mmap(nullptr, slot_size * slot_count, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (range != MAP_FAILED) begin_ = static_cast<char*>(range);
  }

  void* take() {
    const std::lock_guard lock(mutex_);
    for (std::vector<std::uint32_t>* list : {&warm_, &cold_}) {
      if (list->empty()) continue;
      const std::uint32_t slot = list->back();
      list->pop_back();
      return at(slot);
    }
    return begin_ != nullptr && used_ < slot_count ? at(used_++) : nullptr;
  }
  void give_back(void* address) {
    const auto slot = static_cast<std::uint32_t>((static_cast<char*>(address) - begin_) /
                                                 static_cast<std::ptrdiff_t>(slot_size));
    const std::lock_guard lock(mutex_);
    if (warm_.size() < warm_slots) {
      warm_.push_back(slot);
      return;
    }
    ::madvise(at(slot), slot_size, MADV_DONTNEED);
    cold_.push_back(slot);
  }
  bool owns(const void* address) const {
    const auto* octet = static_cast<const char*>(address);
    return begin_ != nullptr && octet >= begin_ && octet < begin_ + slot_size * slot_count;
  }

 private:
  char* at(std::uint32_t slot) { return begin_ + slot_size * slot; }

  char* begin_ = nullptr;
  std::mutex mutex_;
  std::vector<std::uint32_t> warm_;
  std::vector<std::uint32_t> cold_;
  std::uint32_t used_ = 0;
};

/// Never destroyed: OpenSSL frees memory until the process ends.
Slots& slots() {
  static Slots* instance = new Slots();
  return *instance;
}

void* allocate(std::size_t size, const char*, int) {
  if (size >= smallest && size <= slot_size) {
    if (void* slot = slots().take()) return slot;
  }
  return size == 0 ? nullptr : std::malloc(size);
}

void release(void* address, const char*, int) {
  if (slots().owns(address)) {
    slots().give_back(address);
  } else {
    std::free(address);
  }
}

void* resize(void* address, std::size_t size, const char* file, int line) {
  if (address == nullptr) return allocate(size, file, line);
  if (!slots().owns(address)) return std::realloc(address, size);
  if (size != 0 && size <= slot_size) return address;
  void* moved = size == 0 ? nullptr : std::malloc(size);
  if (moved != nullptr) std::memcpy(moved, address, slot_size);
  if (moved != nullptr || size == 0) release(address, file, line);
  return moved;
}

}  // namespace

bool separate_tls_buffers() { return CRYPTO_set_mem_functions(allocate, resize, release) == 1; }

}  // namespace postern::net
