// Shared by the tests of `dkim`, `spf` and `dmarc`.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include <fmt/format.h>
#include <sys/stat.h>
#include <boost/json.hpp>

#include "base/temporary_folder_test.h"
#include "cli/answer_test.h"
#include "cli/commands_mail.h"

namespace postern::app::testing_mail {

/// A subcommand.
using Command = int (*)(const Arguments&, Streams&);

/// Runs commands in a temporary directory.
class MailCommands : public testing::Test {
 protected:
  void SetUp() override {
    before_ = std::filesystem::current_path();
    std::filesystem::current_path(folder_.path());
  }
  void TearDown() override { std::filesystem::current_path(before_); }

  static Answer run(Command command, const std::vector<std::string>& words,
                    const std::string& input = "", bool terminal = false) {
    const auto parsed = parse_command_line(words);
    const auto* error = std::get_if<UsageError>(&parsed);
    EXPECT_FALSE(error) << (error ? error->message : "");
    if (error) return {};
    return answer_of(command, std::get<Arguments>(parsed), input, terminal);
  }

  static unsigned mode_of(const std::string& name) {
    struct stat about{};
    EXPECT_EQ(::stat(name.c_str(), &about), 0) << name;
    return about.st_mode & 07777;
  }

  tests::TemporaryFolder folder_;
  std::filesystem::path before_;
};

}  // namespace postern::app::testing_mail
