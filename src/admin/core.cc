#include "admin/core.h"

#include <filesystem>
#include <limits>

#include <boost/json.hpp>

#include "admin/digest.h"
#include "base/shown.h"
#include "base/subscriber.h"
#include "base/text.h"
#include "base/ulid.h"
#include "spool/inbox.h"
#include "store/delivery_log.h"
#include "store/linked_octets.h"

namespace postern::admin {

std::uint32_t rate_of(const Options& options, std::uint32_t events) {
  return options.rate_limits ? events : std::numeric_limits<std::uint32_t>::max();
}

Core::Core(const Dependencies& dependencies, const Options& given, TokenKeys token_keys,
           Secret csrf_key)
    : deps(dependencies),
      options(given),
      passwords(dependencies.hashing, given.argon2, given.hashing_patience),
      guesses(deps.tries, "confirmations", rate_of(given, 10), std::chrono::minutes(10)),
      sign_in_guesses(deps.tries, "sign_ins_per_client", "sign_ins_per_network", rate_of(given, 10),
                      std::chrono::minutes(10)),
      link_guesses(deps.tries, "links_per_client", "links_per_network", rate_of(given, 10),
                   std::chrono::minutes(10)),
      account_guesses(deps.tries, "sign_ins_per_account", rate_of(given, 100),
                      std::chrono::minutes(10)),
      signups(deps.tries, "signups_per_client", "signups_per_network", rate_of(given, 30),
              std::chrono::minutes(10)),
      calls_of_client(rate_of(given, 300)),
      calls_of_account(rate_of(given, 1200)),
      anonymous_calls(calls_of_client, std::chrono::minutes(1)),
      account_calls(calls_of_account, std::chrono::minutes(1)),
      shares(given.requests_per_account, given.waits_per_account),
      keys_(std::move(token_keys)),
      csrf_key_(std::move(csrf_key)) {}

store::AuditRow Core::audit(const Call& call, std::string action,
                            const boost::json::object& details) const {
  return {new_id("al_"),
          call.caller.account_id,
          std::move(action),
          boost::json::serialize(details),
          call.client.to_string(),
          call.caller.actor,
          call.now};
}

Result<void> Core::forget_deliveries(std::span<const std::string> webhooks) const {
  const auto files = deps.delivery_log.forget_webhooks(webhooks);
  if (!files) return tl::unexpected(files.error());
  if (Result<void> emptied = deps.inbox.forget(webhooks); !emptied) return emptied;
  if (deps.linked != nullptr) {
    if (Result<void> gone = deps.linked->forget(webhooks); !gone) return gone;
  }
  for (const std::string& file : *files) {
    // A leftover file costs disk space but gives no access: its link is gone.
    std::error_code ignored;
    const std::filesystem::path name = std::filesystem::path(file).filename();
    std::filesystem::remove(std::filesystem::path(options.attachment_dir) / name, ignored);
  }
  return {};
}

void Core::count_guess(const std::string& key) {
  if (const auto wait = guesses.take(key)) throw rate_limited(*wait, "tries");
}

void Core::guess_was_right(const std::string& key) { guesses.give_back(key); }

void Core::count_guess(ClientTries& counter, const Call& call, SubscriberCounter::Against against) {
  if (const auto wait = counter.take(subscriber_key(call.client), against))
    throw rate_limited(*wait, "tries");
}

void Core::guess_was_right(ClientTries& counter, const Call& call,
                           SubscriberCounter::Against against) {
  counter.give_back(subscriber_key(call.client), against);
}

Core::CountedBy Core::count_sign_in(const Call& call, const std::string& email) {
  const std::string account = sha256(lower(email));  // fixed size, whatever was sent
  const bool known =
      known_clients.find(subscriber_key(call.client), account, std::chrono::steady_clock::now())
          .has_value();
  count_guess(sign_in_guesses, call, known ? SubscriberCounter::Against::client : both);
  if (known) return CountedBy::address;
  if (const auto wait = account_guesses.take(account)) throw rate_limited(*wait, "tries");
  return CountedBy::address_and_account;
}

void Core::sign_in_was_no_guess(const Call& call, const std::string& email, CountedBy counted) {
  const bool known = counted == CountedBy::address;
  guess_was_right(sign_in_guesses, call, known ? SubscriberCounter::Against::client : both);
  if (!known) account_guesses.give_back(sha256(lower(email)));
}

void Core::sign_in_was_right(const Call& call, const std::string& email, CountedBy counted) {
  sign_in_was_no_guess(call, email, counted);
  if (!call.client.is_known()) return;  // many clients share that key
  known_clients.remember(subscriber_key(call.client), sha256(lower(email)), {},
                         std::chrono::steady_clock::now());
}

net::HttpResponse::Stream Core::stream(const Call& call, std::optional<std::uint64_t> size,
                                       std::function<Result<std::string>()> read) const {
  auto next = [&disk = deps.disk, turn = turn_of(call),
               read = std::make_shared<std::function<Result<std::string>()>>(
                   std::move(read))]() -> Task<Result<std::string>> {
    auto work = [read] { return (*read)(); };
    Result<Result<std::string>> piece = co_await disk.run(turn, std::move(work));
    if (!piece) co_return tl::unexpected(piece.error());
    co_return std::move(*piece);
  };
  return {.size = size, .next = std::move(next)};
}

TokenKeys Core::keys() const {
  const std::lock_guard lock(mutex_);
  return keys_;
}

void Core::set_keys(TokenKeys keys) {
  const std::lock_guard lock(mutex_);
  keys_ = std::move(keys);
}

std::string Core::csrf_token(std::string_view session_id) const {
  return base64url_encode(hmac_sha256(csrf_key_, "csrf:" + std::string(session_id)));
}

net::Turn turn_of(const Call& call) {
  const bool control = call.caller.kind == Caller::Kind::control;
  return {.account = control ? call.caller.actor : call.caller.account_id,
          .client = subscriber_key(call.client)};
}

Call off_loop(const Call& call) {
  Call copy = call;
  copy.request.gone = nullptr;
  return copy;
}

net::Turn own_turn() { return {.account = "gateway", .client = {}}; }

Refusal unavailable(std::string sentence) {
  return {503, "unavailable", std::move(sentence), {}, {{"Retry-After", "5"}}};
}

void refuse_while_stopping(const Core& core) {
  if (core.stopping) throw unavailable("the gateway is stopping; try again when it has started");
}

Refusal busy() { return unavailable("the server is busy; try again in a moment"); }

net::HttpResponse json_response(int status, const boost::json::object& body) {
  net::HttpResponse response;
  response.status = status;
  response.body = shown_json(boost::json::serialize(body));
  return response;
}

net::HttpResponse no_content() {
  net::HttpResponse response;
  response.status = 204;
  return response;
}

void check(dialect::webhook::BodyReader& body) {
  if (!body.errors().fields.empty()) refuse(body.errors());
}

void refuse(const dialect::webhook::FieldErrors& errors) {
  const bool absent = errors.kind == dialect::webhook::FieldErrors::Kind::missing_field;
  Refusal refusal{
      absent ? 400 : 422, absent ? "missing_field" : "validation_failed", errors.summary(), {}, {}};
  for (const auto& [name, sentence] : errors.fields) refusal.fields.emplace(name, sentence);
  throw refusal;
}

std::string required_text(dialect::webhook::BodyReader& body, std::string_view name) {
  if (body.find(name) == nullptr) throw missing(std::string(name));
  std::optional<std::string> text = body.text(name);
  check(body);
  return std::move(*text);
}

std::optional<std::uint64_t> number_parameter(const Call& call, std::string_view name,
                                              std::uint64_t least, std::uint64_t most) {
  const auto text = call.request.parameter(name);
  if (!text) return std::nullopt;
  const std::optional<std::uint64_t> number = parse_number(*text);
  if (!number || *number < least || *number > most) {
    throw invalid(std::string(name), "must be a whole number from " + std::to_string(least) +
                                         " to " + std::to_string(most));
  }
  return number;
}

std::optional<bool> boolean_parameter(const Call& call, std::string_view name) {
  const auto text = call.request.parameter(name);
  if (!text) return std::nullopt;
  if (*text != "true" && *text != "false")
    throw invalid(std::string(name), "must be true or false");
  return *text == "true";
}

net::HttpResponse paged(boost::json::array data, const PageQuery& query, std::uint64_t total) {
  return json_response(200, {{"data", std::move(data)},
                             {"page", query.page},
                             {"page_size", query.page_size},
                             {"total", total}});
}

PageQuery page_of(const Call& call) {
  constexpr std::uint64_t last_page = 1'000'000'000;
  PageQuery query;
  query.page = number_parameter(call, "page", 1, last_page).value_or(query.page);
  query.page_size = number_parameter(call, "page_size", 1, 200).value_or(query.page_size);
  return query;
}

std::optional<store::Keyset> keyset_of(const Call& call) {
  constexpr std::size_t longest_search = 200;
  const auto cursor = call.request.parameter("cursor");
  const auto limit = number_parameter(call, "limit", 1, 200);
  const auto search = call.request.parameter("q");
  if (!cursor && !limit && !search) return std::nullopt;
  store::Keyset keyset;
  if (cursor) {
    const auto before = parse_number(*cursor);
    constexpr std::uint64_t last = std::numeric_limits<std::int64_t>::max();
    if (!before || *before == 0 || *before > last)
      throw invalid("cursor", "is not the `next` of an answer");
    keyset.before = *before;
  }
  keyset.limit = limit.value_or(keyset.limit);
  if (search && search->size() > longest_search) throw invalid("q", "has more than 200 octets");
  if (search) keyset.needle = trim(*search);
  return keyset;
}

net::HttpResponse sliced(boost::json::array data, std::uint64_t next) {
  boost::json::value onward;
  if (next != 0) onward = std::to_string(next);
  return json_response(200, {{"data", std::move(data)}, {"next", std::move(onward)}});
}

std::string etag(std::uint64_t version) { return "\"" + std::to_string(version) + "\""; }

bool version_matches(const Call& call, std::uint64_t version) {
  const auto given = call.request.header("if-match");
  if (!given) return true;
  for (const std::string_view element : split(*given, ',')) {
    const std::string_view tag = trim(element);
    if (tag == "*" || tag == etag(version)) return true;
  }
  return false;
}

}  // namespace postern::admin
