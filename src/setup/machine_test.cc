#include "setup/machine.h"

#include <gmock/gmock.h>

#include "base/temporary_folder_test.h"
#include "setup/configuration.h"

namespace postern::setup {
namespace {

class Machine : public testing::Test {
 protected:
  Machine() {
    answers_.hostname = "mx.example.org";
    answers_.domains = {"example.org"};
    answers_.email = "postmaster@example.org";
    answers_.relay = "mail.example.org";
    answers_.addresses = {IpAddress::parse("192.0.2.10").value()};
    answers_.data_dir = folder_.path() + "/not/there/yet";
    sources_.gateway = [](std::string_view, const boost::json::object&) { return std::nullopt; };
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& one : look_at_machine(configuration(answers_), answers_, sources_)) {
      if (out.empty() || out.back() != one.check) out.push_back(one.check);
    }
    return out;
  }

  tests::TemporaryFolder folder_;
  Answers answers_;
  doctor::Sources sources_;
};

TEST_F(Machine, finds_the_disk_of_a_directory_that_is_made_later) {
  EXPECT_EQ(data_place(answers_), folder_.path());
  EXPECT_THAT(names(), testing::ElementsAre("disk", "clock", "ports"));
}

TEST_F(Machine, asks_for_the_names_of_the_addresses_that_were_answered) {
  std::vector<std::string> asked;
  sources_.dns = [&](const dns::Question& question) -> dns::Answer {
    asked.push_back(question.name);
    return {.status = dns::Status::nx_domain, .records = {}};
  };
  EXPECT_THAT(names(), testing::ElementsAre("disk", "clock", "ports", "ptr"));
  EXPECT_THAT(asked, testing::ElementsAre("10.2.0.192.in-addr.arpa"));
}

}  // namespace
}  // namespace postern::setup
