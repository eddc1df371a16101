#include "mailauth/dkim/verify.h"

#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "mailauth/dkim/sign.h"

// ThreadSanitizer defines these operators itself; they cannot be replaced.
#if __has_feature(thread_sanitizer)
#define POSTERN_COUNTS_ALLOCATIONS 0
#else
#define POSTERN_COUNTS_ALLOCATIONS 1
namespace {
std::size_t allocations = 0;
}  // namespace

// Counts allocations, so that a test can check that a body causes none.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace mailauth::dkim {
namespace {

constexpr std::int64_t now = 1'795'165'200;
const std::string fields =
    "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: figures\r\n"
    "Date: Fri, 20 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n";
const std::string body = "Hello,\r\n\r\nthe  figures. \r\n";

const SigningKey& key() {
  static const SigningKey made = *SigningKey::generate_ed25519();
  return made;
}

SignOptions options_for(const std::string& domain) {
  SignOptions options{.domain = domain, .selector = "sel"};
  options.fields = {"from", "to", "subject", "date"};
  options.signed_at = now;
  return options;
}

std::string signature_of(const std::string& message, const SignOptions& options) {
  const auto field = sign_message({{&key(), options.selector}}, options, message);
  EXPECT_TRUE(field) << (field ? "" : field.error().message);
  return field.value_or("");
}

Answer found(std::string record) {
  return {.status = Answer::Status::found, .records = {std::move(record)}};
}

Results run(Evaluation<Results> check, std::vector<std::string>* asked = nullptr,
            const std::string& record = key().public_record()) {
  while (const Question* question = check.next()) {
    if (asked != nullptr) asked->push_back(question->name);
    check.feed(found(record));
  }
  return check.result();
}

Results run(const std::string& message, const VerifyOptions& options = {}) {
  return run(verify_message(message, now, options));
}

TEST(Verify, a_good_signature_is_acceptable) {
  const std::string message = fields + "\r\n" + body;
  std::vector<std::string> asked;
  const Results results =
      run(verify_message(signature_of(message, options_for("example.org")) + message, now), &asked);
  ASSERT_EQ(results.signatures.size(), 1u);
  EXPECT_EQ(asked, std::vector<std::string>{"sel._domainkey.example.org"});
  EXPECT_EQ(results.signatures[0].status, Status::pass);
  EXPECT_EQ(results.signatures[0].key_bits, 256u);
  EXPECT_TRUE(results.signatures[0].acceptable && results.any_acceptable());
  EXPECT_EQ(results.overall(), Status::pass);
  EXPECT_EQ(results.from_fields, 1u);
}

TEST(Verify, chunks_of_any_size_give_the_same_result) {
  const std::string message = fields + "\r\n" + body;
  const std::string whole = signature_of(message, options_for("example.org")) + message;
  for (std::size_t size = 1; size < 40; ++size) {
    Verifier verifier;
    for (std::size_t at = 0; at < whole.size(); at += size) verifier.feed(whole.substr(at, size));
    EXPECT_EQ(verifier.header()->count("dkim-signature"), 1u);
    EXPECT_TRUE(run(verifier.finish(now)).any_acceptable()) << size;
  }
}

TEST(Verify, a_message_is_evaluated_again_when_the_key_is_there) {
  const std::string message = fields + "\r\n" + body;
  Verifier verifier;
  verifier.feed(signature_of(message, options_for("example.org")) + message);
  {
    Evaluation<Results> check = verifier.finish(now);
    ASSERT_NE(check.next(), nullptr);
    check.feed({.status = Answer::Status::failure, .records = {}});
    ASSERT_EQ(check.next(), nullptr);
    EXPECT_EQ(check.result().signatures.at(0).status, Status::temperror);
  }
  const std::string testing = key().public_record() + "; t=y";
  EXPECT_TRUE(run(verifier.finish(now), nullptr, testing).signatures.at(0).testing);
  {
    Evaluation<Results> abandoned = verifier.finish(now);
    ASSERT_NE(abandoned.next(), nullptr);
  }
  const Results results = run(verifier.finish(now));
  ASSERT_EQ(results.signatures.size(), 1u);
  EXPECT_TRUE(results.signatures[0].acceptable);
  EXPECT_EQ(results.signatures[0].key_bits, 256u);
}

TEST(Verify, what_was_added_behind_l_is_not_acceptable) {
  const std::string message = fields + "\r\n" + body;
  SignOptions options = options_for("example.org");
  options.length = 8;
  const std::string field = signature_of(message, options);
  const Results results = run(field + message);
  EXPECT_EQ(results.signatures[0].status, Status::pass);
  EXPECT_EQ(results.signatures[0].unsigned_octets, 16u);
  EXPECT_FALSE(results.signatures[0].acceptable);
  EXPECT_EQ(results.signatures[0].reported(), Status::policy);
  EXPECT_TRUE(run(field + fields + "\r\nHello,\r\n").any_acceptable());
  EXPECT_EQ(run(field + fields + "\r\nHi\r\n").signatures[0].reason, Reason::length_beyond_body);
}

TEST(Verify, a_second_field_that_readers_see_is_not_covered) {
  const std::string message = fields + "\r\n" + body;
  const std::string field = signature_of(message, options_for("example.org"));
  const auto with = [&](const std::string& added) {
    return run(added + field + message).signatures.at(0);
  };
  EXPECT_TRUE(with("X-New: 1\r\n").acceptable);
  EXPECT_TRUE(with("Reply-To: x@example.net\r\n").acceptable);
  EXPECT_EQ(with("Subject: prize\r\n").status, Status::pass);
  EXPECT_TRUE(with("Subject: prize\r\n").uncovered_field);
  EXPECT_FALSE(with("Subject: prize\r\n").acceptable);
  EXPECT_FALSE(with("From: other@example.net\r\n").acceptable);
  EXPECT_FALSE(with("from : other@example.net\r\n").acceptable);

  SignOptions oversigned = options_for("example.org");
  oversigned.fields = {};
  const std::string strict = signature_of(message, oversigned);
  EXPECT_TRUE(run(strict + message).any_acceptable());
  EXPECT_EQ(run("Subject: prize\r\n" + strict + message).signatures[0].reason,
            Reason::value_mismatch);
  EXPECT_EQ(run("Reply-To: x@example.net\r\n" + strict + message).signatures[0].reason,
            Reason::value_mismatch);
}

TEST(Verify, a_header_with_lines_that_are_no_fields_has_no_acceptable_signature) {
  const std::string message = fields + "\r\n" + body;
  const std::string whole = signature_of(message, options_for("example.org")) + message;
  EXPECT_TRUE(run(whole).any_acceptable());
  for (const std::string line :
       {"From someone Mon Jan 15\r\n", " From: x@example.net\r\n", "a line that is no field\r\n"}) {
    const Results results = run(line + whole);
    EXPECT_EQ(results.signatures.at(0).status, Status::pass) << line;
    EXPECT_TRUE(results.signatures[0].header_ambiguous);
    EXPECT_FALSE(results.any_acceptable()) << line;
    EXPECT_EQ(results.signatures[0].reported(), Status::policy);
  }
}

TEST(Verify, a_section_that_others_read_too_gives_the_same) {
  const std::string message = fields + "\r\n" + body;
  const std::string whole = signature_of(message, options_for("example.org")) + message;
  auto section = std::make_shared<HeaderCollector>();
  const std::size_t taken = section->feed(whole);
  ASSERT_TRUE(section->complete());
  Verifier verifier;
  verifier.begin_body(section);
  EXPECT_EQ(verifier.header(), &section->view());
  verifier.feed(std::string_view(whole).substr(taken));
  EXPECT_LT(verifier.memory(), 16u << 10) << "the section is not its own";
  EXPECT_TRUE(run(verifier.finish(now)).any_acceptable());
}

TEST(Verify, many_long_signatures_are_not_all_kept) {
  std::string names = "from";
  for (int i = 0; i < 500; ++i) names += ":a";
  std::string header;
  for (int i = 0; i < 900; ++i) {
    header += "DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=sel; h=" + names +
              "; bh=YWJj; b=YWJj\r\n";
  }
  Verifier verifier;
  verifier.feed(header + fields + "\r\n");
  EXPECT_LT(verifier.memory(), 2 * header.size() + (1u << 20));
}

TEST(Verify, times_have_a_skew) {
  const std::string message = fields + "\r\n" + body;
  SignOptions options = options_for("example.org");
  options.expires_at = now + 1000;
  const std::string whole = signature_of(message, options) + message;
  const auto at = [&](std::int64_t when) {
    return run(verify_message(whole, when)).signatures.at(0);
  };
  EXPECT_TRUE(at(now + 1300).acceptable);
  EXPECT_EQ(at(now + 1301).reason, Reason::expired);
  EXPECT_TRUE(at(now - 300).acceptable);
  EXPECT_EQ(at(now - 301).status, Status::pass);
  EXPECT_TRUE(at(now - 301).from_future);
  EXPECT_FALSE(at(now - 301).acceptable);
  EXPECT_EQ(run(verify_message(whole, now + 1001, {.skew_seconds = 0})).signatures[0].reason,
            Reason::expired);
}

TEST(Verify, key_flags_bind) {
  const std::string message = fields + "\r\n" + body;
  SignOptions options = options_for("example.org");
  const std::string p = key().public_record().substr(key().public_record().find("p="));
  const auto with = [&](const SignOptions& signing, const std::string& flags) {
    const std::string whole = signature_of(message, signing) + message;
    return run(verify_message(whole, now), nullptr, "k=ed25519; " + flags + "; " + p)
        .signatures.at(0);
  };
  EXPECT_TRUE(with(options, "t=s").acceptable);
  EXPECT_EQ(with(options, "t=y").status, Status::pass);
  EXPECT_FALSE(with(options, "t=y").acceptable);
  EXPECT_EQ(with(options, "t=y").reported(), Status::pass);
  EXPECT_EQ(with(options, "h=sha1").reason, Reason::key_hash_not_allowed);
  EXPECT_EQ(with(options, "s=tlsrpt").reason, Reason::key_service_not_email);
  options.identity = "a@sub.example.org";
  EXPECT_TRUE(with(options, "t=x").acceptable);
  EXPECT_EQ(with(options, "t=s").reason, Reason::key_identity_not_exact);
}

TEST(Verify, a_registry_cannot_sign) {
  const std::string message = fields + "\r\n" + body;
  for (const char* domain : {"test", "co.uk"}) {
    std::vector<std::string> asked;
    const Results results =
        run(verify_message(signature_of(message, options_for(domain)) + message, now), &asked);
    EXPECT_EQ(results.signatures[0].reason, Reason::domain_is_public_suffix) << domain;
    EXPECT_TRUE(asked.empty());
  }
}

TEST(Verify, one_selector_is_asked_for_once_and_a_changed_body_never) {
  const std::string message = fields + "\r\n" + body;
  const std::string field = signature_of(message, options_for("example.org"));
  std::vector<std::string> asked;
  Results results = run(verify_message(field + field + field + message, now), &asked);
  EXPECT_EQ(asked.size(), 1u);
  EXPECT_EQ(results.signatures.size(), 3u);
  for (const SignatureResult& result : results.signatures) EXPECT_TRUE(result.acceptable);
  asked.clear();
  results = run(verify_message(field + message + "more", now), &asked);
  EXPECT_TRUE(asked.empty());
  EXPECT_EQ(results.signatures[0].reason, Reason::body_hash_mismatch);
}

TEST(Verify, a_hundred_signatures_cost_ten) {
  const std::string message = fields + "\r\n" + body;
  std::string whole;
  for (int i = 0; i < 97; ++i) {
    whole += signature_of(message, options_for("d" + std::to_string(i) + ".example"));
  }
  whole += signature_of(message, options_for("sub.listed.example"));
  whole += signature_of(message, options_for("mail.example.org"));
  whole += "DKIM-Signature: junk\r\n" + message;
  std::vector<std::string> asked;
  const Results results =
      run(verify_message(whole, now, {.preferred_domains = {"listed.example"}}), &asked);
  ASSERT_EQ(results.signatures.size(), 100u);
  EXPECT_EQ(asked.size(), 10u);
  std::size_t passed = 0;
  for (const SignatureResult& result : results.signatures) passed += result.acceptable;
  EXPECT_EQ(passed, 10u);
  EXPECT_TRUE(results.signatures[97].acceptable);  // its domain is preferred
  EXPECT_TRUE(results.signatures[98].acceptable);  // its domain is the author's
  EXPECT_TRUE(results.signatures[0].acceptable && results.signatures[7].acceptable);
  EXPECT_EQ(results.signatures[8].reason, Reason::over_limit);
  EXPECT_EQ(results.signatures[8].status, Status::neutral);
  EXPECT_EQ(results.signatures[99].reason, Reason::tags_malformed);
}

TEST(Verify, a_header_beyond_the_limit_is_not_looked_at) {
  const std::string message = fields + "\r\n" + body;
  const std::string field = signature_of(message, options_for("example.org"));
  std::string long_field = "X-Long: ";
  while (long_field.size() < (1 << 20)) long_field += std::string(70, 'x') + "\r\n ";
  const Results octets = run(field + long_field + "\r\n" + message);
  EXPECT_TRUE(octets.header_too_long && octets.signatures.empty());
  EXPECT_EQ(octets.overall(), Status::permerror);
  std::string many;
  for (int i = 0; i < 10'001; ++i) many += "X: 1\r\n";
  EXPECT_TRUE(run(field + many + message).header_too_long);
}

TEST(Verify, ten_thousand_fields_against_five_hundred_names) {
  std::string whole;
  SignOptions options = options_for("example.org");
  options.fields = {"from"};
  for (int i = 0; i < 500; ++i) options.fields.push_back("n" + std::to_string(i));
  const std::string message = fields + "\r\n" + body;
  for (int i = 0; i < 12; ++i) whole += signature_of(message, options);
  for (int i = 0; i < 9'900; ++i) whole += "n" + std::to_string(i) + ": x\r\n";
  const Results results = run(whole + message, {.header = {.fields = 10'000}});
  ASSERT_EQ(results.signatures.size(), 12u);
  EXPECT_EQ(results.signatures[0].reason, Reason::value_mismatch);
  EXPECT_EQ(results.signatures[11].reason, Reason::over_limit);
}

#if POSTERN_COUNTS_ALLOCATIONS
TEST(Verify, the_body_costs_no_allocation) {
  const std::string message = fields + "\r\n" + body;
  SignOptions options = options_for("example.org");
  std::string whole = signature_of(message, options);
  options.forms.body = Canonicalization::simple;
  whole += signature_of(message, options) + fields + "\r\n";
  Verifier verifier;
  verifier.feed(whole);
  const std::string chunk = std::string(100, 'x') + " \t y\t\r\n\r\n z  \r\n";
  const std::size_t before = allocations;
  for (int i = 0; i < 1000; ++i) verifier.feed(chunk);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(run(verifier.finish(now)).overall(), Status::fail);
}
#endif

TEST(Verify, messages_that_are_hardly_any) {
  for (const std::string message : {"", "\r\n", "\r", "x", "DKIM-Signature:", "\r\n\r\n"}) {
    const Results results = run(message);
    EXPECT_FALSE(results.any_acceptable()) << message;
    EXPECT_EQ(results.signatures.size(), message.starts_with("D") ? 1u : 0u);
  }
}

TEST(Verify, the_best_result_speaks_for_the_message) {
  Results results;
  EXPECT_EQ(results.overall(), Status::none);
  const auto add = [&](Status status) {
    results.signatures.push_back({.status = status});
    return results.overall();
  };
  EXPECT_EQ(add(Status::neutral), Status::neutral);
  EXPECT_EQ(add(Status::permerror), Status::permerror);
  EXPECT_EQ(add(Status::fail), Status::fail);
  EXPECT_EQ(add(Status::temperror), Status::temperror);
  EXPECT_EQ(add(Status::pass), Status::pass);
}

}  // namespace
}  // namespace mailauth::dkim
