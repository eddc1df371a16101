// Canonical forms of fields and bodies, RFC 6376 §3.4, and which fields a signature covers. Used by
// DKIM and ARC, for signing and verifying alike.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "mailauth/header.h"

namespace mailauth::dkim {

enum class Canonicalization : std::uint8_t { simple, relaxed };

/// The value of c=: "relaxed/simple" is header relaxed, body simple; RFC 6376 §3.5: one word alone
/// leaves the body simple. Nullopt for anything else.
struct Forms {
  Canonicalization header = Canonicalization::simple;
  Canonicalization body = Canonicalization::simple;
  bool operator==(const Forms&) const = default;
};
std::optional<Forms> parse_forms(std::string_view text);
std::string to_text(const Forms& forms);

/// Appends the field in its canonical form, with a CRLF. RFC 6376 §3.4.1, §3.4.2.
void append_field(Canonicalization form, const FieldView& field, std::string& out);
/// Appends a signature field as it is signed: b= without its value, no CRLF. RFC 6376 §3.7.
void append_signature_field(Canonicalization form, const FieldView& field, std::string& out);

/// Appends the fields `names` selects, in its order; a name given n times takes the n lowest fields
/// of that name, bottom up, and nothing when there are no more (RFC 6376 §5.4.2). `own`: the index
/// of the signature's own field, which is never selected; HeaderView::npos when not there.
void append_selected_fields(Canonicalization form, const HeaderView& header,
                            std::span<const std::string> names, std::size_t own, std::string& out);

/// Where a canonical body goes, piece by piece.
class CanonicalSink {
 public:
  virtual ~CanonicalSink() = default;
  virtual void write(std::string_view piece) = 0;
};

/// Makes the canonical form of a body that comes in chunks of any size; allocates nothing.
class BodyCanonicalizer {
 public:
  explicit BodyCanonicalizer(Canonicalization form) : form_(form) {}
  void feed(std::string_view chunk, CanonicalSink& sink);
  /// The body is over. Once.
  void finish(CanonicalSink& sink);

 private:
  void feed_simple(std::string_view chunk, CanonicalSink& sink);
  void feed_relaxed(std::string_view chunk, CanonicalSink& sink);
  std::size_t resume(std::string_view chunk, CanonicalSink& sink);
  void emit(std::string_view piece, CanonicalSink& sink);

  Canonicalization form_;
  bool cr_ = false;              ///< the last octet was a CR
  bool space_ = false;           ///< relaxed: white space before it, or at the end, not yet written
  bool any_ = false;             ///< something but line ends was written
  std::uint64_t line_ends_ = 0;  ///< not yet written; lost when nothing follows
};

/// The whole at once.
std::string canonical_body(Canonicalization form, std::string_view body);

}  // namespace mailauth::dkim
