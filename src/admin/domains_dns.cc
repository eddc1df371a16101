// GET /domains/{id}/dns: the records that a domain needs, and what is in DNS now.
#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "admin/dkim_keys.h"
#include "admin/domains.h"
#include "base/text.h"
#include "dns/resolver.h"
#include "store/store.h"

namespace postern::admin {
namespace {

namespace asio = boost::asio;

/// Limits on the records shown per name: a domain may have hundreds, of any length.
constexpr std::size_t most_shown = 10;
constexpr std::size_t longest_shown = 500;

Task<dns::Answer> ask(dns::Resolver& resolver, dns::Question question) {
  dns::Answer answer = co_await resolver.lookup(std::move(question), dns_limit);
  co_return answer;
}

Task<std::vector<dns::Answer>> ask_all(dns::Resolver& resolver,
                                       std::vector<dns::Question> questions) {
  const auto executor = co_await asio::this_coro::executor;
  using Asked = decltype(asio::co_spawn(executor, ask(resolver, {}), asio::deferred));
  std::vector<Asked> asked;
  for (dns::Question& question : questions)
    asked.push_back(asio::co_spawn(executor, ask(resolver, std::move(question)), asio::deferred));
  auto [order, failures, answers] =
      co_await asio::experimental::make_parallel_group(std::move(asked))
          .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  co_return std::move(answers);
}

/// A required record, and how to recognise it.
struct WantedRecord {
  std::string_view purpose;
  dns::Question question;
  std::string value;
  std::function<bool(const std::string& record)> fits;
};

std::string host_of(std::string_view mx) {
  const std::size_t blank = mx.rfind(' ');
  return lower(blank == std::string_view::npos ? mx : mx.substr(blank + 1));
}

std::string sentence(const WantedRecord& wanted, const dns::Answer& answer, bool ok) {
  const std::string& name = wanted.question.name;
  const std::string type(to_string(wanted.question.type));
  if (answer.trouble()) {
    return "No name server gave an answer for " + name + " (" +
           std::string(to_string(answer.status)) + "). Try again in a moment.";
  }
  if (ok) return "DNS has the record.";
  if (answer.status == dns::Status::nx_domain) return "DNS does not know the name " + name + ".";
  if (answer.records.empty()) return "DNS knows " + name + " and has no " + type + " record there.";
  if (wanted.purpose == "mx")
    return "Mail for " + name + " goes elsewhere: no MX record names this gateway.";
  if (wanted.purpose == "dkim")
    return "The record there holds another key, or one that verifiers may not use.";
  return "There is a " + type + " record with other text. It must be exactly the value shown.";
}

boost::json::object record_json(const WantedRecord& wanted, const dns::Answer& answer) {
  const bool found = answer.status == dns::Status::found;
  const bool ok = found && std::any_of(answer.records.begin(), answer.records.end(), wanted.fits);
  boost::json::array records;
  for (const std::string& record : answer.records) {
    if (records.size() == most_shown) break;
    records.emplace_back(printable(record, longest_shown));
  }
  return {{"purpose", wanted.purpose},           {"type", to_string(wanted.question.type)},
          {"name", wanted.question.name},        {"value", wanted.value},
          {"found", std::move(records)},         {"ok", ok},
          {"text", sentence(wanted, answer, ok)}};
}

/// The index of the verification record in `answers`; if absent, the place where to publish it.
std::size_t place_of_verification(const std::string& token,
                                  const std::vector<dns::Answer>& answers) {
  for (std::size_t i = 0; i < verification_labels.size(); ++i) {
    const auto& records = answers[i].records;
    if (std::find(records.begin(), records.end(), token) != records.end()) return i;
  }
  return 0;
}

}  // namespace

Task<net::HttpResponse> Domains::dns(Call& call) {
  auto look = [this](const Call& own) {
    store::DomainRow row = stored(own);
    auto keys = unwrap(core_.deps.store.dkim_keys(row.account_id, row.id));
    return std::pair(std::move(row), std::move(keys));
  };
  const auto [row, keys] = co_await core_.disk(call, std::move(look));

  std::vector<WantedRecord> wanted;
  for (const std::string_view label : verification_labels) {
    wanted.push_back({"verification",
                      {std::string(label) + row.name, dns::Type::txt},
                      row.verification_token,
                      [&](const std::string& record) { return record == row.verification_token; }});
  }
  const std::string host = lower(core_.options.hostname);
  wanted.push_back({"mx", {row.name, dns::Type::mx}, "10 " + host, [&](const std::string& record) {
                      return host_of(record) == host;
                    }});
  for (const store::DkimKeyRow& key : keys) {
    wanted.push_back({"dkim",
                      {record_name(key), dns::Type::txt},
                      key.public_record,
                      [&](const std::string& record) { return is_record_of(key, record); }});
  }
  std::vector<dns::Question> questions;
  for (const WantedRecord& one : wanted) questions.push_back(one.question);
  const std::vector<dns::Answer> answers =
      co_await ask_all(core_.deps.resolver, std::move(questions));

  boost::json::array data;
  const std::size_t verification = place_of_verification(row.verification_token, answers);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const bool other_label = i < verification_labels.size() && i != verification;
    if (!other_label) data.push_back(record_json(wanted[i], answers[i]));
  }
  co_return json_response(200, {{"data", std::move(data)}});
}

}  // namespace postern::admin
