// Whole messages with any key record: no more questions than the limit, and results within it.
//   input: the record, an empty octet, the message
#include <algorithm>
#include <string>
#include <string_view>

#include "invariant.h"
#include "mailauth/dkim/sign.h"
#include "mailauth/dkim/verify.h"

namespace {

using namespace mailauth;
using namespace mailauth::dkim;
using postern::fuzz::must;

constexpr std::int64_t now = 1'795'165'200;

Results verify(std::string_view message, const Answer& answer, std::size_t step) {
  Verifier verifier({.max_signatures = 3, .preferred_domains = {"example.org"}});
  for (std::size_t at = 0; at < message.size(); at += step) {
    verifier.feed(message.substr(at, step));
  }
  auto check = verifier.finish(now);
  std::size_t questions = 0;
  while (check.next()) {
    must(++questions <= 3, "a question a signature");
    check.feed(answer);
  }
  return check.result();
}

bool same(const Results& a, const Results& b) {
  return std::equal(a.signatures.begin(), a.signatures.end(), b.signatures.begin(),
                    b.signatures.end(), [](const auto& x, const auto& y) {
                      return x.reason == y.reason && x.acceptable == y.acceptable;
                    });
}

/// A signature made here verifies, whatever the message is.
void check_signing(std::string_view message) {
  static const SigningKey key = *SigningKey::generate_ed25519();
  SignOptions options{.domain = "example.org", .selector = "s"};
  const auto field = sign_message({{&key, "s"}}, options, message);
  if (!field) return;
  const Results results =
      verify(*field + std::string(message),
             {.status = Answer::Status::found, .records = {key.public_record()}}, 4096);
  if (results.header_too_long) return;
  must(!results.signatures.empty() && results.signatures[0].status == Status::pass,
       "what is signed verifies");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\0'), text.size());
  const std::string_view message = text.substr(std::min(end + 1, text.size()));
  const Answer answer{.status = end % 7 == 6 ? Answer::Status::failure : Answer::Status::found,
                      .records = {std::string(text.substr(0, end))}};
  const Results whole = verify(message, answer, message.size() + 1);
  must(same(whole, verify(message, answer, 1 + size % 17)), "cutting changes nothing");
  std::size_t evaluated = 0;
  for (const SignatureResult& result : whole.signatures) {
    must(!result.acceptable || result.status == Status::pass, "only a pass is acceptable");
    must(!result.acceptable || whole.from_fields == 1, "with one From");
    evaluated += result.key_bits > 0;
  }
  must(evaluated <= 3, "the limit holds");
  must(whole.any_acceptable() <= (whole.overall() == Status::pass), "the best result is told");
  check_signing(message);
  return 0;
}
