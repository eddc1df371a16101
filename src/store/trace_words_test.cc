#include "store/trace_words.h"

#include <gtest/gtest.h>

#include "base/time_text.h"

namespace postern::store {
namespace {

TraceRow row() {
  return {.id = "01HX5B3W7Q8Z2M4N6P8R0T2V4X",
          .time = *from_rfc3339("2026-11-20T14:32:07Z"),
          .outcome = "rejected",
          .client_ip = "203.0.113.77",
          .mail_from = "Invoice@partner.example.com",
          .rcpt = "invoices@in.example.com",
          .code = 550,
          .enhanced = "5.7.23",
          .rule = "spf_authorised",
          .origin = "pol_01HX5B3W7Q8Z2M4N6P8R0T2V4X/require_spf"};
}

TEST(TraceWords, find_by_each_word) {
  for (const char* text :
       {"", "from:invoice", "from:@partner.example.com", "to:INVOICES@in.example.com",
        "ip:203.0.113.77", "ip:203.0.113.0/24", "rule:spf", "rule:require_spf", "reply:550",
        "reply:5.7.23", "reply:\"550 5.7.23\"", "after:2026-11-20",
        "after:2026-11-20T14:00:00Z before:2026-11-21", "partner", "01hx5b3w7q8z2m4n6p8r0t2v4x",
        "203.0.113.77", "from:\"invoice@\" reply:550"}) {
    const auto words = parse_trace_words(text);
    ASSERT_TRUE(words) << text;
    EXPECT_TRUE(matches(*words, row())) << text;
  }
}

TEST(TraceWords, all_words_must_hold) {
  for (const char* text :
       {"from:other", "from:@example.com", "from:<>", "to:invoice@", "ip:203.0.113.78",
        "ip:2001:db8::/32", "rule:dkim", "reply:551", "reply:5.7", "after:2026-11-21",
        "before:2026-11-20", "stranger", "from:invoice reply:451"}) {
    const auto words = parse_trace_words(text);
    ASSERT_TRUE(words) << text;
    EXPECT_FALSE(matches(*words, row())) << text;
  }
}

TEST(TraceWords, the_null_reverse_path_has_a_word) {
  TraceRow bounce = row();
  bounce.mail_from.clear();
  EXPECT_TRUE(matches(*parse_trace_words("from:<>"), bounce));
}

TEST(TraceWords, mistakes_name_what_there_is) {
  for (const auto& [text, part] : std::vector<std::pair<const char*, const char*>>{
           {"form:x", "from: to: ip: rule: reply: after: before:"},
           {"ip:banana", "ip: "},
           {"ip:203.0.113.5/24", "203.0.113.0/24"},
           {"after:yesterday", "2026-11-20"},
           {"from:", "no value"}}) {
    const auto words = parse_trace_words(text);
    ASSERT_FALSE(words) << text;
    EXPECT_NE(words.error().message.find(part), std::string::npos) << words.error().message;
  }
  EXPECT_FALSE(parse_trace_words(std::string(501, 'x')));
}

}  // namespace
}  // namespace postern::store
