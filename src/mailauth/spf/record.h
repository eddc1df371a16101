// Parses SPF records (RFC 7208 §3, §4.6, §5, §6) into terms.
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

#include "mailauth/spf/result.h"

namespace mailauth::spf {

/// Octets of a record that is read; a longer one is an error.
inline constexpr std::size_t max_record = 4096;

/// A mechanism (RFC 7208 §5).
enum class Mechanism : std::uint8_t { all, include, a, mx, ptr, ip4, ip6, exists };

/// Why a record is invalid.
enum class RecordFault : std::uint8_t {
  too_long,             ///< longer than max_record
  bad_octet,            ///< not printable ASCII (RFC 7208 §4.6.1, §12)
  unknown_mechanism,    ///< or a modifier with an invalid name
  missing_domain,       ///< `include`, `exists:`
  bad_domain,           ///< a domain-spec that ends neither in a top-level label nor in a macro
  bad_macro,            ///< RFC 7208 §7.1
  bad_address,          ///< of ip4 or ip6
  bad_prefix,           ///< a CIDR length with a leading zero or out of range
  unexpected_argument,  ///< `all:x`, `ptr/24`
  repeated_modifier,    ///< redirect or exp twice (RFC 7208 §6)
};

/// An error in a record.
struct RecordError {
  RecordFault fault = RecordFault::bad_octet;  ///< the kind of error
  std::string term;                            ///< the term at fault, in printable ASCII
  /// A sentence for logs and for Result::reason.
  std::string message() const;
};

/// A part of the record's text. An offset, because a view would not survive moving the record.
struct Slice {
  std::uint16_t at = 0;      ///< offset in octets
  std::uint16_t length = 0;  ///< octets
};

/// A domain-spec; of length 0 when the term has none.
struct Target {
  Slice spec;                        ///< the text
  bool has_macros = false;           ///< it needs expansion
  bool uses_local_part = false;      ///< %{l} or %{s}
  bool uses_validated_name = false;  ///< %{p}
};

/// One directive: a qualifier and a mechanism (RFC 7208 §4.6.1).
struct Term {
  Mechanism mechanism = Mechanism::all;  ///< the mechanism
  Status outcome = Status::pass;         ///< the result of a match, from the qualifier
  std::uint8_t prefix4 = 32;             ///< bits compared for an IPv4 client
  std::uint8_t prefix6 = 128;            ///< bits compared for an IPv6 client
  Slice text;                            ///< the whole term
  Target target;                         ///< domain-spec of mechanisms other than all, ip4 and ip6
  std::array<std::uint8_t, 16> network{};  ///< of ip4 (the first four octets) or ip6
};

/// A parsed record. Immutable; evaluations in several threads may share it.
class Record {
 public:
  /// Whether a TXT record is an SPF record (RFC 7208 §4.5).
  static bool is_spf(std::string_view text);
  /// Parses a record for which is_spf() is true. The whole record is checked before its evaluation
  /// (RFC 7208 §4.6).
  static tl::expected<Record, RecordError> parse(std::string_view text);

  /// The directives, in their order.
  const std::vector<Term>& terms() const { return terms_; }
  /// The domain-spec of redirect= (RFC 7208 §6.1).
  const std::optional<Target>& redirect() const { return redirect_; }
  /// The domain-spec of exp= (RFC 7208 §6.2).
  const std::optional<Target>& explanation() const { return explanation_; }
  /// The text of a slice; valid as long as the record, until it is moved.
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

/// A record, or why it is invalid.
using ParsedRecord = tl::expected<Record, RecordError>;

/// Caches parsed records by their text, errors included. Holds at most twice `generation` records:
/// when a generation is full, records not used since the previous one are dropped. May be shared by
/// threads.
class RecordCache {
 public:
  /// `generation`: number of records.
  explicit RecordCache(std::size_t generation = 1024) : generation_(generation) {}
  /// The parsed record, never null. Parses it when it is not cached.
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
