// Canonical forms: equal for all chunks of the body, and canonical themselves.
#include <algorithm>
#include <string>
#include <string_view>

#include "invariant.h"
#include "mailauth/dkim/body_hasher.h"

namespace {

using namespace mailauth;
using namespace mailauth::dkim;
using postern::fuzz::must;

void check_body(Canonicalization form, std::string_view body, std::size_t step) {
  const std::string canonical = canonical_body(form, body);
  must(canonical.empty() || canonical.ends_with("\r\n"), "a body ends in a line end");
  must(!canonical.ends_with("\r\n\r\n"), "and in one only");
  must(canonical.size() <= body.size() + 2, "canonical bodies do not grow");
  must(canonical_body(form, canonical) == canonical, "canonical forms stay as they are");
  const std::uint64_t length = step * 3;
  BodyHasher all(form);
  BodyHasher some(form, length);
  for (std::size_t at = 0; at < body.size(); at += step) {
    all.feed(body.substr(at, step));
    some.feed(body.substr(at, step));
  }
  all.finish();
  some.finish();
  must(all.digest() == sha256(canonical), "cutting changes nothing");
  must(some.digest() == sha256(canonical.substr(0, length)), "l= takes the first octets");
  must(all.canonical_octets() == canonical.size(), "octets are counted");
  must(some.length_beyond_body() == (length > canonical.size()), "l= beyond the body is seen");
}

void check_header(std::string_view text) {
  const HeaderView header = HeaderView::parse(text);
  for (const FieldView& field : header.fields()) {
    must(header.count(field.name) > 0, "a field is found by its name");
    std::string simple;
    append_field(Canonicalization::simple, field, simple);
    must(simple == std::string(field.raw) + "\r\n", "simple keeps the octets");
    std::string relaxed;
    append_field(Canonicalization::relaxed, field, relaxed);
    must(relaxed.find("\r\n") == relaxed.size() - 2, "relaxed is one line");
    must(relaxed.find("  ") == std::string::npos, "and has no runs of spaces");
    append_signature_field(Canonicalization::relaxed, field, relaxed);
    append_signature_field(Canonicalization::simple, field, simple);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t step = 1 + data[0] % 40;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_body(Canonicalization::simple, text, step);
  check_body(Canonicalization::relaxed, text, step);
  check_header(text);
  return 0;
}
