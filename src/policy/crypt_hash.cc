#include "policy/crypt_hash.h"

#include <crypt.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <ctime>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "base/text.h"
#include "policy/bcrypt.h"

namespace postern::policy {

namespace {

// At its limit each takes about half a second on a core of 2020, bcrypt a second.
constexpr int highest_bcrypt_cost = 14;
constexpr std::uint64_t most_rounds = 1'000'000;       ///< of SHA-crypt
constexpr std::uint64_t most_memory_kib = 256u << 10;  ///< of Argon2, scrypt and yescrypt
constexpr std::uint64_t most_work_kib = 1u << 20;      ///< of Argon2: memory times passes

/// crypt_ra's scratch memory; it holds the password and is wiped with it.
struct Scratch {
  void* data = nullptr;
  int size = 0;
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (data != nullptr) OPENSSL_cleanse(data, static_cast<std::size_t>(size));
    std::free(data);
  }
};

/// The number after `name` in one of the `$`-separated parts, e.g. "m" in "$m=65536,t=2,p=1$".
std::optional<std::uint64_t> parameter(std::string_view hash, std::string_view name) {
  for (const std::string_view part : split(hash, '$')) {
    for (const std::string_view one : split(part, ',')) {
      if (one.starts_with(name) && one.substr(name.size()).starts_with('=')) {
        return parse_number(one.substr(name.size() + 1));
      }
    }
  }
  return std::nullopt;
}

/// The value of a digit of crypt(5); nullopt: not a digit.
std::optional<std::uint64_t> digit(char c) {
  constexpr std::string_view digits =
      "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const std::size_t found = digits.find(c);
  if (found == std::string_view::npos) return std::nullopt;
  return found;
}

/// KiB of 2^`log` blocks of 128 octets times `size`, as in scrypt.
std::uint64_t block_memory(std::uint64_t log, std::uint64_t size) {
  return log >= 32 ? UINT64_MAX : ((std::uint64_t{1} << log) * size + 7) / 8;
}

/// `$7$`, the logarithm in one digit, block size and parallelism in five each.
bool scrypt_takes_too_long(std::string_view settings) {
  if (settings.size() < 11) return false;  // it is not a valid hash
  const auto number = [&](std::size_t at) {
    std::uint64_t value = 0;
    for (std::size_t i = 5; i-- > 0;) value = value << 6 | digit(settings[at + i]).value_or(63);
    return value;
  };
  const std::uint64_t memory = block_memory(digit(settings[0]).value_or(63), number(1));
  return memory > most_memory_kib ||
         number(6) > most_memory_kib / std::max<std::uint64_t>(memory, 1);
}

/// `$y$`, then one digit each for the flavour, the logarithm minus 1 and the block size minus 1, as
/// crypt_gensalt(3) writes them. Further parameters ask for more time.
bool yescrypt_takes_too_long(std::string_view settings) {
  const std::string_view parameters = settings.substr(0, settings.find('$'));
  if (parameters.size() != 3) return true;
  const auto log = digit(parameters[1]);
  const auto size = digit(parameters[2]);
  if (!log || !size || *log >= 48 || *size >= 48) return true;  // numbers of two digits begin there
  return block_memory(*log + 1, *size + 1) > most_memory_kib;
}

std::atomic<std::int64_t> longest_hash_ms = 0;

double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Time of bcrypt with cost 8: the shortest of three measurements of this thread's CPU time, so
/// that the machine's load does not matter.
double measured_seconds() {
  static const double shortest = [] {
    double least = 1;
    for (int i = 0; i < 3; ++i) {
      const double started = cpu_seconds();
      (void)crypt_text(Secret("a password"), unmatched_hash(8));
      least = std::min(least, cpu_seconds() - started);
    }
    return least;
  }();
  return shortest;
}

/// Its time as a multiple of bcrypt with cost 8: about 32 at each limit above but bcrypt's.
double times_measured(std::string_view hash) {
  constexpr double at_limit = 32;
  const auto share = [](std::uint64_t of, std::uint64_t limit) {
    return at_limit * static_cast<double>(of) / static_cast<double>(limit);
  };
  if (is_bcrypt(hash)) return std::exp2(bcrypt_cost(Secret(std::string(hash))) - 8);
  if (hash.starts_with("$argon2")) {
    return share(parameter(hash, "m").value_or(0) * parameter(hash, "t").value_or(0),
                 most_work_kib);
  }
  if (hash.starts_with("$y$") && hash.size() > 6) {
    return share(block_memory(digit(hash[4]).value_or(0) + 1, digit(hash[5]).value_or(0) + 1),
                 most_memory_kib);
  }
  if (hash.starts_with("$7$") && hash.size() > 5)
    return share(block_memory(digit(hash[3]).value_or(0), digit(hash[4]).value_or(0)),
                 most_memory_kib);
  if (hash.starts_with("$5$") || hash.starts_with("$6$"))
    return share(parameter(hash, "rounds").value_or(5000), most_rounds);
  return 0;
}

}  // namespace

std::chrono::milliseconds expected_time(std::string_view hash) {
  const double times = times_measured(hash);
  if (times <= 0) return {};
  return std::chrono::milliseconds(std::llround(measured_seconds() * times * 1000));
}

void set_longest_hash(std::chrono::milliseconds longest) { longest_hash_ms = longest.count(); }

std::optional<std::string> too_dear_here(std::string_view hash) {
  const std::chrono::milliseconds longest(longest_hash_ms);
  if (longest.count() == 0) return std::nullopt;
  const std::chrono::milliseconds expected = expected_time(hash);
  if (expected <= longest) return std::nullopt;
  const auto seconds = [](std::chrono::milliseconds ms) {
    return static_cast<double>(ms.count()) / 1000;
  };
  return fmt::format(
      "takes about {:.1f} s on this machine, `auth.longest_hash` allows {:.1f} s: "
      "make one of a lower cost",
      seconds(expected), seconds(longest));
}

std::optional<Secret> crypt_text(const Secret& password, const Secret& settings) {
  Scratch scratch;
  const char* made =
      crypt_ra(password.reveal().c_str(), settings.reveal().c_str(), &scratch.data, &scratch.size);
  // A text that begins with `*` is an error (crypt(3)).
  if (made == nullptr || made[0] == '*') return std::nullopt;
  return Secret(made);
}

bool takes_too_long(std::string_view hash) {
  if (is_bcrypt(hash)) return bcrypt_cost(Secret(std::string(hash))) > highest_bcrypt_cost;
  if (hash.starts_with("$argon2")) {
    const std::uint64_t memory = std::max<std::uint64_t>(parameter(hash, "m").value_or(0), 1);
    return memory > most_memory_kib || parameter(hash, "t").value_or(0) > most_work_kib / memory;
  }
  if (hash.starts_with("$7$")) return scrypt_takes_too_long(hash.substr(3));
  if (hash.starts_with("$y$")) return yescrypt_takes_too_long(hash.substr(3));
  return parameter(hash, "rounds").value_or(0) > most_rounds;
}

}  // namespace postern::policy
