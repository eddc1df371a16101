#include "cli/witness_tests.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands_ptest.h"
#include "cli/file_update.h"
#include "config/input_file.h"
#include "dialect/webhook/fields.h"
#include "ptest/file.h"
#include "ptest/test_of_trace.h"
#include "ptest/update.h"

namespace postern::app {

namespace fs = std::filesystem;

namespace {

std::string early_text(app::Early from) {
  return from == app::Early::never ? "" : fmt::format(", early from {}", to_string(from));
}

/// What a person reads, and what makes it another test than the others.
std::string name_of(const plan::Witness& witness) {
  const plan::Spoken& spoken = witness.spoken;
  return fmt::format(
      "{}: client {}, HELO {}{}{}{}, <{}> to <{}>",
      witness.after.taken ? witness.after.handling == "deliver" ? "taken" : witness.after.handling
                          : "refused",
      spoken.client, spoken.helo.value_or("none"), spoken.tls ? ", TLS" : "",
      spoken.login ? ", as " + *spoken.login + (spoken.tls ? "" : " without TLS") : "",
      early_text(spoken.early), spoken.sender, spoken.recipient);
}

/// What a policy demands, without the accounts that it takes.
std::string demands_of(const boost::json::value& policy) {
  boost::json::object body = policy.as_object();
  body["name"] = "policy";
  const auto parsed = dialect::webhook::parse_policy(body, nullptr);
  if (!parsed) return "";
  boost::json::object fields = dialect::webhook::to_json(parsed->fields);
  for (const char* const key : {"name", "smtp_credentials", "smtp_usernames"}) fields.erase(key);
  return boost::json::serialize(fields);
}

/// The accounts that it takes.
std::set<std::string> users_of(const boost::json::value& policy) {
  std::set<std::string> users;
  const auto* all = policy.as_object().if_contains("smtp_credentials");
  if (all == nullptr || !all->is_array()) return users;
  for (const boost::json::value& one : all->get_array()) {
    const auto* name = one.is_object() ? one.get_object().if_contains("username") : nullptr;
    if (name != nullptr && name->is_string()) users.emplace(name->get_string());
  }
  return users;
}

/// The tables `[policy.…]` and `[webhook.…]` of a test that a file does not have yet.
/// Fault::conflict: it has another policy of that name.
Result<std::string> missing_tables(const std::string& directory, const std::string& file) {
  const ptest::File known = ptest::parse_file(file, "").file;
  std::string tables;
  for (std::size_t at = directory.find('['); at < directory.size();) {
    const std::size_t next = directory.find("\n[", at);
    const std::size_t end = next == std::string::npos ? directory.size() : next + 1;
    const std::string table(trim(std::string_view(directory).substr(at, end - at)));
    const ptest::File own = ptest::parse_file(table, "").file;
    const auto is_in = [](const auto& some, const auto& all) {
      return std::ranges::all_of(some, [&](const auto& one) { return all.contains(one.key()); });
    };
    for (const auto& [name, body] : own.policies) {
      const auto* there = known.policies.if_contains(name);
      if (there == nullptr) continue;
      std::set<std::string> users = users_of(*there);
      users.emplace(ptest::other_account);
      if (demands_of(*there) != demands_of(body) || !std::ranges::includes(users, users_of(body))) {
        return fail(Fault::conflict, fmt::format("its policy `{}` is not that of NEW: name another "
                                                 "file",
                                                 printable(name, 64)));
      }
    }
    if (!is_in(own.policies, known.policies) || !is_in(own.webhooks, known.webhooks)) {
      tables += "\n" + table + "\n";
    }
    at = end;
  }
  return tables;
}

}  // namespace

Result<std::size_t> keep_as_tests(const std::vector<plan::Witness>& witnesses,
                                  const std::string& file, const std::string& config,
                                  const std::optional<std::string>& environment) {
  std::string before;
  std::error_code unknown;
  const bool there = fs::exists(file, unknown);
  if (there) {
    Result<std::string> read = read_input(file, std::cin);
    if (!read) return tl::unexpected(read.error());
    before = std::move(*read);
  }
  std::string after = before;
  const ptest::File known = ptest::parse_file(before, file).file;
  const std::string of_file = there ? config_of_tests(known, environment) : "";
  const bool is_of_one = there && (known.config || fs::exists(of_file, unknown));
  if (is_of_one && !config.empty() && !fs::equivalent(of_file, config, unknown)) {
    return tl::unexpected(Error{
        Fault::conflict, fmt::format("{} has tests of {}, and these would be of {}: name "
                                     "another file",
                                     file, known.config ? known.config->name : of_file, config)});
  }
  if (!there && !config.empty()) {
    const fs::path beside = fs::absolute(file, unknown).parent_path();
    after = fmt::format(
        "config = {}\n",
        ptest::toml_string(fs::proximate(fs::absolute(config, unknown), beside, unknown).string()));
  }
  std::set<std::string> logins;
  for (const plan::Witness& witness : witnesses) {
    if (witness.spoken.login) logins.insert(*witness.spoken.login);
  }
  std::size_t added = 0;
  for (const plan::Witness& witness : witnesses) {
    // No password of a test is checked: with that of one version alone it would say nothing.
    if (!witness.spoken.password_of.empty()) continue;
    // Others may have said the same, with other answers of DNS.
    for (int number = 1;; ++number) {
      const std::string name =
          name_of(witness) + (number > 1 ? fmt::format(" ({})", number) : std::string());
      std::string test = ptest::as_test(*witness.after.trace, {.name = name,
                                                               .redact = false,
                                                               .message = std::nullopt,
                                                               .early = witness.spoken.early,
                                                               .logins = logins});
      const std::size_t begin = test.find("[[test]]");
      const std::string directory = test.substr(0, begin);
      test.erase(0, begin);
      if (after.find(test) != std::string::npos) break;
      if (after.find("name = " + ptest::toml_string(name) + "\n") != std::string::npos) continue;
      const Result<std::string> tables = missing_tables(directory, after);
      if (!tables) return fail(tables.error().fault, file + ": " + tables.error().message);
      after += *tables;
      after += (after.empty() ? "" : "\n") + test;
      ++added;
      break;
    }
  }
  if (added == 0) return added;
  if (Result<void> kept = replace_file(file, before, after); !kept) {
    return tl::unexpected(kept.error());
  }
  return added;
}

}  // namespace postern::app
