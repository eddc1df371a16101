// SPF records (RFC 7208 §3, §4.6, §5, §6): text to terms. A record is a value that can be kept and
// used by many evaluations, of many threads, at once.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

namespace mailauth::spf {

/// Octets of a record we read; longer ones are in error.
inline constexpr std::size_t max_record = 4096;

enum class Status : std::uint8_t { none, neutral, pass, fail, softfail, temperror, permerror };
/// As RFC 8601 §2.7.2 writes it.
std::string_view to_string(Status status);

enum class Mechanism : std::uint8_t { all, include, a, mx, ptr, ip4, ip6, exists };

enum class RecordFault : std::uint8_t {
  too_long,           ///< above max_record
  bad_octet,          ///< outside of printable ASCII (RFC 7208 §4.6.1, §12)
  unknown_mechanism,  ///< or a modifier without a proper name
  missing_domain,     ///< `include`, `exists:` ...
  bad_domain,         ///< a domain-spec that ends in no top-level label and no macro
  bad_macro,
  bad_address,          ///< of ip4 or ip6
  bad_prefix,           ///< a CIDR length with a leading zero or out of range
  unexpected_argument,  ///< `all:x`, `ptr/24`
  repeated_modifier,    ///< redirect or exp twice (RFC 7208 §6)
};

struct RecordError {
  RecordFault fault = RecordFault::bad_octet;
  std::string term;  ///< the words in error, printable
  std::string message() const;
};

/// A part of a record's text. Records move, so it is no view.
struct Slice {
  std::uint16_t at = 0;
  std::uint16_t length = 0;
};

/// A domain-spec, or nothing where it is left out.
struct Target {
  Slice spec;
  bool has_macros = false;
  bool uses_local_part = false;      ///< %{l} or %{s}
  bool uses_validated_name = false;  ///< %{p}
};

/// One directive: qualifier and mechanism.
struct Term {
  Mechanism mechanism = Mechanism::all;
  Status outcome = Status::pass;  ///< what the qualifier makes of a match
  std::uint8_t prefix4 = 32;
  std::uint8_t prefix6 = 128;
  Slice text;
  Target target;
  std::array<std::uint8_t, 16> network{};  ///< ip4 (the first four octets) and ip6
};

class Record {
 public:
  /// Whether a TXT record is an SPF record at all (RFC 7208 §4.5).
  static bool is_spf(std::string_view text);
  /// `text` is one for which is_spf() holds. The whole is checked before anything is evaluated
  /// (RFC 7208 §4.6).
  static tl::expected<Record, RecordError> parse(std::string_view text);

  const std::vector<Term>& terms() const { return terms_; }
  const std::optional<Target>& redirect() const { return redirect_; }
  const std::optional<Target>& explanation() const { return explanation_; }
  std::string_view text(Slice slice) const {
    return std::string_view(text_).substr(slice.at, slice.length);
  }

 private:
  friend class RecordParser;
  std::string text_;
  std::vector<Term> terms_;
  std::optional<Target> redirect_;
  std::optional<Target> explanation_;
};

using ParsedRecord = tl::expected<Record, RecordError>;

/// Parsed records by their text. Holds at most twice `generation` of them: when one generation is
/// full, what was not asked for since the one before is forgotten. Safe for threads.
class RecordCache {
 public:
  explicit RecordCache(std::size_t generation = 1024) : generation_(generation) {}
  std::shared_ptr<const ParsedRecord> get(std::string_view text);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Records =
      std::unordered_map<std::string, std::shared_ptr<const ParsedRecord>, Hash, std::equal_to<>>;
  std::shared_ptr<const ParsedRecord> keep(std::string_view text,
                                           std::shared_ptr<const ParsedRecord> record);

  std::size_t generation_;
  std::mutex mutex_;
  Records young_;
  Records old_;
};

}  // namespace mailauth::spf
