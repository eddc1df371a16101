// Canonical forms of header fields and bodies (RFC 6376 §3.4), and the selection of the signed
// fields (RFC 6376 §5.4.2). DKIM and ARC use them to sign and to verify.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "mailauth/dkim/terms.h"
#include "mailauth/header.h"

namespace mailauth::dkim {

/// Appends the field in canonical form, with a CRLF (RFC 6376 §3.4.1, §3.4.2).
void append_field(Canonicalization form, const FieldView& field, std::string& out);
/// Appends a signature field as it is signed: b= without its value, no CRLF (RFC 6376 §3.7).
void append_signature_field(Canonicalization form, const FieldView& field, std::string& out);

/// Appends the fields that `names` selects, in the order of `names`. A name given n times takes the
/// n lowest fields of that name, from the bottom up; a name without a field left adds nothing
/// (RFC 6376 §5.4.2). `own`: index of the signature's own field, which is never selected;
/// HeaderView::npos when it is not in the header.
void append_selected_fields(Canonicalization form, const HeaderView& header,
                            std::span<const std::string> names, std::size_t own, std::string& out);

/// Receives a canonical body, piece by piece.
class CanonicalSink {
 public:
  virtual ~CanonicalSink() = default;
  /// The next octets; `piece` is valid only during the call.
  virtual void write(std::string_view piece) = 0;
};

/// Converts a body that arrives in chunks of any size to its canonical form. Allocates nothing.
class BodyCanonicalizer {
 public:
  /// `form`: the canonicalization of the body.
  explicit BodyCanonicalizer(Canonicalization form) : form_(form) {}
  /// Takes the next octets of the body and writes what is final to `sink`.
  void feed(std::string_view chunk, CanonicalSink& sink);
  /// Ends the body. Call it once.
  void finish(CanonicalSink& sink);

 private:
  void feed_simple(std::string_view chunk, CanonicalSink& sink);
  void feed_relaxed(std::string_view chunk, CanonicalSink& sink);
  std::size_t resume(std::string_view chunk, CanonicalSink& sink);
  void emit(std::string_view piece, CanonicalSink& sink);

  Canonicalization form_;
  bool cr_ = false;              ///< the last octet was a CR
  bool space_ = false;           ///< relaxed: white space was read and not yet written
  bool any_ = false;             ///< anything but line ends was written
  std::uint64_t line_ends_ = 0;  ///< not yet written; dropped when nothing follows
};

/// The canonical form of a whole body.
std::string canonical_body(Canonicalization form, std::string_view body);

}  // namespace mailauth::dkim
