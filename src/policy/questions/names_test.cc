#include <gtest/gtest.h>

#include "policy/questions/domain_below.h"
#include "policy/questions/helo_valid.h"
#include "policy/testing.h"

namespace postern::policy::questions {
namespace {

TEST(DomainBelow, by_whole_labels) {
  struct {
    const char* name;
    const char* domain;
    bool below;
  } const cases[] = {
      {"example.org", "example.org", true},
      {"mx.example.org", "example.org", true},
      {"a.mx.example.org", "example.org", true},
      {"MX.Example.ORG", "example.org", true},
      {"notexample.org", "example.org", false},
      {"org", "example.org", false},
      {".example.org", "example.org", true},
      {"example.org", "", false},
      {"", "example.org", false},
      {"", "", true},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(domain_below(c.name, c.domain), c.below) << c.name << " of " << c.domain;
  }
}

TEST(HeloValid, each_form) {
  struct {
    const char* name;
    NameForm form;
    bool valid;
    bool qualified;
  } const cases[] = {
      {"", NameForm::missing, false, false},
      {"mx", NameForm::name, true, false},
      {"mx.", NameForm::name, true, false},
      {"mx.example.com", NameForm::fqdn, true, true},
      {"mx.example.com.", NameForm::fqdn, true, true},
      {"my_host.example", NameForm::fqdn, true, true},
      {"[192.0.2.1]", NameForm::literal, true, true},
      {"[IPv6:2001:db8::1]", NameForm::literal, true, true},
      {"[2001:db8::1]", NameForm::broken_literal, false, false},
      {"[192.0.2.256]", NameForm::broken_literal, false, false},
      {"[192.0.2.1", NameForm::broken_literal, false, false},
      {"192.0.2.1", NameForm::address, true, false},
      {"192.0.2.1.", NameForm::address, true, false},
      {"2001:db8::1", NameForm::address, true, false},
      {"192.0.2", NameForm::invalid, false, false},
      {"-mx.example", NameForm::invalid, false, false},
      {"a..example", NameForm::invalid, false, false},
      {"mx example", NameForm::invalid, false, false},
      {"unknown!", NameForm::invalid, false, false},
  };
  for (const auto& c : cases) {
    Evidence evidence = policy::testing::from_client("192.0.2.7");
    evidence.session.helo = c.name;
    const HeloValid found = helo_valid(evidence);
    EXPECT_EQ(found.form, c.form) << c.name;
    EXPECT_EQ(found.is_valid(), c.valid) << c.name;
    EXPECT_EQ(found.is_fully_qualified(), c.qualified) << c.name;
    EXPECT_FALSE(found.words().empty()) << c.name;
  }
}

}  // namespace
}  // namespace postern::policy::questions
