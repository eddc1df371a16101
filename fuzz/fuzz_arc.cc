// ARC: for any message, validation ends within its limits and does not depend on the chunks of the
// input; a valid or absent chain still validates after a set of ours is added.
#include "base/text.h"
#include "invariant.h"
#include "mailauth/ar/write.h"
#include "mailauth/arc/seal.h"
#include "mailauth/arc/validate.h"

namespace {

using namespace mailauth;
using postern::fuzz::must;

const dkim::SigningKey& our_key() {
  static const dkim::SigningKey key = dkim::SigningKey::generate_ed25519().value();
  return key;
}

/// The key of the messages in the corpus (tests/suites/mailauth/arc).
constexpr std::string_view their_record =
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6"
    "wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvH"
    "O9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB";

arc::Verdict drive(Evaluation<arc::Verdict> evaluation) {
  std::size_t asked = 0;
  while (const Question* question = evaluation.next()) {
    must(question->type == RecordType::txt && question->name.size() <= 253, "a key is asked for");
    must(++asked <= arc::Options{}.max_keys, "no more keys than the limit");
    const bool ours = question->name == "ours._domainkey.seal.example";
    evaluation.feed({.status = Answer::Status::found,
                     .records = {ours ? our_key().public_record() : std::string(their_record)}});
  }
  return evaluation.result();
}

void check_sealed(const arc::Validator& validator, const arc::Verdict& verdict,
                  std::string_view message) {
  HeaderCollector collector;
  dkim::BodyHasher body(dkim::Canonicalization::relaxed);
  body.feed(message.substr(collector.feed(message)));
  body.finish();
  const ar::OwnIds own({"lists.example.org"});
  const auto added = arc::seal(
      our_key(), {.domain = "seal.example", .selector = "ours", .time = 12345}, validator.header(),
      body, verdict, arc::gathered_results(validator.header(), own, "lists.example.org"));
  must(added.has_value(), "what was validated can be sealed");
  if (!*added) {
    must(verdict.status != arc::Status::none, "a first set is always added");
    return;
  }
  const std::string lines = (*added)->text();
  for (const std::string_view line : postern::split(lines, '\n')) {
    must(line.size() <= 999, "lines are at most 998 octets");
  }
  const std::string sealed = lines + std::string(message);
  const arc::Verdict after = drive(arc::validate(sealed));
  const bool held = verdict.status == arc::Status::none || verdict.status == arc::Status::pass;
  // The header may have been just below its limit, or have lines that are not fields.
  const bool too_long = after.trouble.reason == arc::Reason::header_too_long ||
                        after.trouble.reason == arc::Reason::header_ambiguous;
  must(too_long || (after.status == arc::Status::pass) == held, "the chain goes on as it was");
  must(too_long || held || after.ended, "or ends");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  arc::Validator validator;
  for (std::size_t at = 0; at < size; at += 7) validator.feed(message.substr(at, 7));
  validator.finish();
  const arc::Verdict verdict = drive(validator.evaluate());
  const arc::Verdict whole = drive(arc::validate(message));
  must(verdict.status == whole.status && verdict.trouble.reason == whole.trouble.reason &&
           verdict.oldest_pass == whole.oldest_pass,
       "chunks do not matter");
  must(verdict.oldest_pass <= verdict.instance && verdict.instance <= arc::max_instance,
       "in range");
  // If the message begins with a blank, its first line would continue the added fields.
  if (!message.starts_with(' ') && !message.starts_with('\t')) {
    check_sealed(validator, verdict, message);
  }
  return 0;
}
