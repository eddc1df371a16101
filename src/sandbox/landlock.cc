#include "sandbox/landlock.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "sandbox/every_thread.h"

namespace postern::sandbox {

namespace {

// linux/landlock.h of the oldest system that is supported lacks the later names.
constexpr std::uint64_t execute = 1u << 0;
constexpr std::uint64_t write_file = 1u << 1;
constexpr std::uint64_t read_file = 1u << 2;
constexpr std::uint64_t read_dir = 1u << 3;
constexpr std::uint64_t remove_and_make = 0x1ff0;  // bits 4 to 12
// Links and pipes in the data directory would mislead programs of root that read there.
constexpr std::uint64_t make_special = 1u << 6 | 1u << 9 | 1u << 10 | 1u << 11 | 1u << 12;
constexpr std::uint64_t refer = 1u << 13;
constexpr std::uint64_t truncate = 1u << 14;
constexpr std::uint64_t bind_tcp = 1u << 0;

constexpr std::uint64_t reading = read_file | read_dir;
constexpr std::uint64_t writing = write_file | (remove_and_make & ~make_special) | refer | truncate;
constexpr std::uint64_t of_a_file = read_file | write_file | truncate;

struct Attributes {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
};
struct [[gnu::packed]] BelowPath {
  std::uint64_t allowed = 0;
  std::int32_t parent = -1;
};
struct ToPort {
  std::uint64_t allowed = 0;
  std::uint64_t port = 0;
};
constexpr int below_path = 1;
constexpr int to_port = 2;

Result<void> trouble(std::string_view where) {
  return fail(Fault::permanent, fmt::format("Landlock, {}: {}", where, std::strerror(errno)));
}

Result<void> allow(int ruleset, const std::filesystem::path& path, std::uint64_t what) {
  const Descriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (place.get() < 0) return {};
  struct stat about{};
  if (::fstat(place.get(), &about) != 0) return trouble(path.native());
  if (!S_ISDIR(about.st_mode)) what &= of_a_file;
  const BelowPath rule{.allowed = what, .parent = place.get()};
  if (what != 0 && ::syscall(SYS_landlock_add_rule, ruleset, below_path, &rule, 0) != 0) {
    return trouble(path.native());
  }
  return {};
}

int restrict_this_thread(int ruleset) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0 ? 0 : errno;
}

}  // namespace

int landlock_version() {
  constexpr int version = 1;
  const long found = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, version);
  return found > 0 ? static_cast<int>(found) : 0;
}

Result<void> restrict_files(const Plan& plan) {
  const int version = landlock_version();
  std::uint64_t handled = execute | write_file | remove_and_make;
  if (!plan.read.empty()) handled |= reading;
  if (version >= 2) handled |= refer;
  if (version >= 3) handled |= truncate;
  const Attributes attributes{.files = handled, .network = version >= 4 ? bind_tcp : 0};
  const std::size_t size = version >= 4 ? sizeof attributes : sizeof attributes.files;
  const Descriptor ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (ruleset.get() < 0) return trouble("landlock_create_ruleset");
  for (const auto& path : plan.write) {
    if (auto done = allow(ruleset.get(), path, (reading | writing) & handled); !done) return done;
  }
  for (const auto& path : plan.read) {
    if (auto done = allow(ruleset.get(), path, reading & handled); !done) return done;
  }
  if (auto done = allow(ruleset.get(), "/dev/null", write_file & handled); !done) return done;
  if (version >= 4) {
    const ToPort rule{.allowed = bind_tcp, .port = 0};
    if (::syscall(SYS_landlock_add_rule, ruleset.get(), to_port, &rule, 0) != 0) {
      return trouble("landlock_add_rule");
    }
  }
  if (auto done = on_every_thread(restrict_this_thread, ruleset.get()); !done) {
    return fail(done.error().fault, "Landlock: " + done.error().message);
  }
  return {};
}

}  // namespace postern::sandbox
