#include "setup/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::setup {
namespace {

using Reader = Result<std::string> (*)(std::string_view);

struct AnswerCase {
  const char* name;
  Reader read;
  std::string text;
  std::string value;  ///< empty: refused
};

std::ostream& operator<<(std::ostream& out, const AnswerCase& one) {
  return out << one.name << " of `" << one.text << "`";
}

class AnswerOf : public ::testing::TestWithParam<AnswerCase> {};

TEST_P(AnswerOf, is_read_or_refused_with_what_was_written) {
  const Result<std::string> got = GetParam().read(GetParam().text);
  if (GetParam().value.empty()) {
    ASSERT_FALSE(got) << *got;
    EXPECT_EQ(got.error().fault, Fault::malformed);
    EXPECT_THAT(got.error().message, ::testing::StartsWith("`"));
  } else {
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(*got, GetParam().value);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Setup, AnswerOf,
    ::testing::Values(
        AnswerCase{"domain", read_domain, "Example.ORG.", "example.org"},
        AnswerCase{"domain", read_domain, " mx.example.org ", "mx.example.org"},
        AnswerCase{"domain", read_domain,
                   "b\xc3\xbc"
                   "cher.example",
                   "xn--bcher-kva.example"},
        AnswerCase{"domain", read_domain, "localhost", ""},
        AnswerCase{"domain", read_domain, "", ""},
        AnswerCase{"domain", read_domain, "192.0.2.1", ""},
        AnswerCase{"domain", read_domain, "_dmarc.example.org", ""},
        AnswerCase{"domain", read_domain, "example.org\"\n[relay]", ""},
        AnswerCase{"email", read_email, "Post.Master+x@Example.org", "Post.Master+x@example.org"},
        AnswerCase{"email", read_email, "\"a b\"@example.org", ""},
        AnswerCase{"email", read_email, "a'b@example.org", ""},
        AnswerCase{"email", read_email, "postmaster", ""},
        AnswerCase{"email", read_email, "a@[192.0.2.1]", ""},
        AnswerCase{"relay", read_relay, "Mail.example.net", "mail.example.net"},
        AnswerCase{"relay", read_relay, "mail.example.net:2525", "mail.example.net:2525"},
        AnswerCase{"relay", read_relay, "192.0.2.7", "[192.0.2.7]"},
        AnswerCase{"relay", read_relay, "[192.0.2.7]:2525", "[192.0.2.7]:2525"},
        AnswerCase{"relay", read_relay, "192.0.2.7:2525", "[192.0.2.7]:2525"},
        AnswerCase{"relay", read_relay, "[192.0.2.7]", "[192.0.2.7]"},
        AnswerCase{"relay", read_relay, "2001:db8::7", "[2001:db8::7]"},
        AnswerCase{"relay", read_relay, "[2001:db8::7]:26", "[2001:db8::7]:26"},
        AnswerCase{"relay", read_relay, "[192.0.2.7]:0", ""},
        AnswerCase{"relay", read_relay, "[192.0.2.7]:65536", ""},
        AnswerCase{"relay", read_relay, "[192.0.2.7", ""},
        AnswerCase{"relay", read_relay, "discard", ""},
        AnswerCase{"relay", read_relay, "maildir:/srv", ""},
        AnswerCase{"relay", read_relay, "*", ""},
        AnswerCase{"relay", read_relay, "mail.example.net:0", ""},
        AnswerCase{"webhook", read_webhook, "https://app.example.org/mail?x=1",
                   "https://app.example.org/mail?x=1"},
        AnswerCase{"webhook", read_webhook, "http://app.example.org/", ""},
        AnswerCase{"webhook", read_webhook, "https://u:p@app.example.org/", ""},
        AnswerCase{"webhook", read_webhook, "https://app.example.org/#a", ""},
        AnswerCase{"webhook", read_webhook, "https:///mail", ""},
        AnswerCase{"webhook", read_webhook, "https://app.example.org/\n[relay]", ""},
        AnswerCase{"network", read_network, "192.0.2.1", "192.0.2.1/32"},
        AnswerCase{"network", read_network, "192.0.2.0/24", "192.0.2.0/24"},
        AnswerCase{"network", read_network, "2001:db8::1", "2001:db8::1/128"},
        AnswerCase{"network", read_network, "0.0.0.0/0", ""},
        AnswerCase{"network", read_network, "::/0", ""},
        AnswerCase{"network", read_network, "::/1", ""},
        AnswerCase{"network", read_network, "2000::/3", ""},
        AnswerCase{"network", read_network, "128.0.0.0/1", ""},
        AnswerCase{"network", read_network, "8.0.0.0/7", ""},
        AnswerCase{"network", read_network, "10.0.0.0/8", "10.0.0.0/8"},
        AnswerCase{"network", read_network, "fc00::/7", "fc00::/7"},
        AnswerCase{"network", read_network, "fc00::/6", ""},
        AnswerCase{"network", read_network, "192.0.2.1/24", ""},
        AnswerCase{"path", read_path, "/etc/postern/credentials/mx.pem",
                   "/etc/postern/credentials/mx.pem"},
        AnswerCase{"path", read_path, "mx.pem", ""}, AnswerCase{"path", read_path, "/a\"b", ""},
        AnswerCase{"path", read_path, "/a b", ""}, AnswerCase{"path", read_path, "", ""}));

TEST(Answers, reports_go_to_the_postmaster_of_the_first_domain) {
  Answers answers;
  EXPECT_EQ(default_email(answers), "");
  answers.domains = {"example.org", "example.net"};
  EXPECT_EQ(default_email(answers), "postmaster@example.org");
}

TEST(Answers, only_a_relay_or_clients_that_submit_make_it_send) {
  Answers answers;
  EXPECT_TRUE(sends_mail(answers));
  answers.destination = Destination::inbox;
  EXPECT_FALSE(sends_mail(answers));
  answers.submission = true;
  EXPECT_TRUE(sends_mail(answers));
}

TEST(Answers, a_webhook_is_shown_without_what_may_be_a_token) {
  EXPECT_EQ(shown_webhook("https://app.example.org/in?token=x"), "https://app.example.org/…");
  EXPECT_EQ(shown_webhook("https://app.example.org:8443?token=x"),
            "https://app.example.org:8443/…");
  EXPECT_EQ(shown_webhook("https://app.example.org/"), "https://app.example.org/");
  EXPECT_EQ(shown_webhook("https://app.example.org"), "https://app.example.org");
}

}  // namespace
}  // namespace postern::setup
