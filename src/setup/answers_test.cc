#include "setup/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::setup {
namespace {

using Reader = Result<std::string> (*)(std::string_view);

struct Case {
  const char* name;
  Reader read;
  std::string text;
  std::string value;  ///< empty: refused
};

std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.name << " of `" << one.text << "`";
}

class AnswerOf : public ::testing::TestWithParam<Case> {};

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
        Case{"domain", read_domain, "Example.ORG.", "example.org"},
        Case{"domain", read_domain, " mx.example.org ", "mx.example.org"},
        Case{"domain", read_domain,
             "b\xc3\xbc"
             "cher.example",
             "xn--bcher-kva.example"},
        Case{"domain", read_domain, "localhost", ""}, Case{"domain", read_domain, "", ""},
        Case{"domain", read_domain, "192.0.2.1", ""},
        Case{"domain", read_domain, "_dmarc.example.org", ""},
        Case{"domain", read_domain, "example.org\"\n[relay]", ""},
        Case{"email", read_email, "Post.Master+x@Example.org", "Post.Master+x@example.org"},
        Case{"email", read_email, "\"a b\"@example.org", ""},
        Case{"email", read_email, "a'b@example.org", ""},
        Case{"email", read_email, "postmaster", ""}, Case{"email", read_email, "a@[192.0.2.1]", ""},
        Case{"relay", read_relay, "Mail.example.net", "mail.example.net"},
        Case{"relay", read_relay, "mail.example.net:2525", "mail.example.net:2525"},
        Case{"relay", read_relay, "192.0.2.7", "[192.0.2.7]"},
        Case{"relay", read_relay, "[192.0.2.7]:2525", "[192.0.2.7]:2525"},
        Case{"relay", read_relay, "192.0.2.7:2525", "[192.0.2.7]:2525"},
        Case{"relay", read_relay, "[192.0.2.7]", "[192.0.2.7]"},
        Case{"relay", read_relay, "2001:db8::7", "[2001:db8::7]"},
        Case{"relay", read_relay, "[2001:db8::7]:26", "[2001:db8::7]:26"},
        Case{"relay", read_relay, "[192.0.2.7]:0", ""},
        Case{"relay", read_relay, "[192.0.2.7]:65536", ""},
        Case{"relay", read_relay, "[192.0.2.7", ""}, Case{"relay", read_relay, "discard", ""},
        Case{"relay", read_relay, "maildir:/srv", ""}, Case{"relay", read_relay, "*", ""},
        Case{"relay", read_relay, "mail.example.net:0", ""},
        Case{"webhook", read_webhook, "https://app.example.org/mail?x=1",
             "https://app.example.org/mail?x=1"},
        Case{"webhook", read_webhook, "http://app.example.org/", ""},
        Case{"webhook", read_webhook, "https://u:p@app.example.org/", ""},
        Case{"webhook", read_webhook, "https://app.example.org/#a", ""},
        Case{"webhook", read_webhook, "https:///mail", ""},
        Case{"webhook", read_webhook, "https://app.example.org/\n[relay]", ""},
        Case{"network", read_network, "192.0.2.1", "192.0.2.1/32"},
        Case{"network", read_network, "192.0.2.0/24", "192.0.2.0/24"},
        Case{"network", read_network, "2001:db8::1", "2001:db8::1/128"},
        Case{"network", read_network, "0.0.0.0/0", ""}, Case{"network", read_network, "::/0", ""},
        Case{"network", read_network, "::/1", ""}, Case{"network", read_network, "2000::/3", ""},
        Case{"network", read_network, "128.0.0.0/1", ""},
        Case{"network", read_network, "8.0.0.0/7", ""},
        Case{"network", read_network, "10.0.0.0/8", "10.0.0.0/8"},
        Case{"network", read_network, "fc00::/7", "fc00::/7"},
        Case{"network", read_network, "fc00::/6", ""},
        Case{"network", read_network, "192.0.2.1/24", ""},
        Case{"path", read_path, "/etc/postern/credentials/mx.pem",
             "/etc/postern/credentials/mx.pem"},
        Case{"path", read_path, "mx.pem", ""}, Case{"path", read_path, "/a\"b", ""},
        Case{"path", read_path, "/a b", ""}, Case{"path", read_path, "", ""}));

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
