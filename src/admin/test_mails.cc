#include "admin/test_mails.h"

#include <array>

#include <boost/json.hpp>

#include "admin/ports.h"
#include "mail/address.h"
#include "store/store.h"

namespace postern::admin {
namespace {

using dialect::webhook::BodyReader;

constexpr std::uint32_t mails_a_minute = 10;
constexpr std::size_t longest_subject = 200;
constexpr std::size_t longest_text = std::size_t{64} * 1024;

TestMailRequest read_request(const Call& call) {
  BodyReader body(call.body);
  body.refuse_unknown(std::array<std::string_view, 3>{"from", "subject", "text"}, {}, "test mail");
  TestMailRequest request;
  request.webhook_id = call.ids[0];
  request.from = body.text("from");
  request.subject = body.text("subject");
  request.text = body.text("text");
  check(body);
  if (request.from && !request.from->empty() &&
      !mail::parse_mailbox(*request.from, mail::Utf8::allowed)) {
    throw invalid("from", "is not an e-mail address; \"\" is the null sender");
  }
  if (request.subject && (dialect::webhook::has_control(*request.subject) ||
                          request.subject->size() > longest_subject)) {
    throw invalid("subject", "must be a line of at most 200 octets");
  }
  if (request.text && request.text->size() > longest_text)
    throw invalid("text", "has more than 64 KiB");
  return request;
}

}  // namespace

/// Marks an account's test as running; the destructor ends it in every case.
class TestMails::Turn {
 public:
  Turn(TestMails& mails, const std::string& account) : mails_(mails), account_(account) {
    const std::lock_guard lock(mails_.mutex_);
    if (!mails_.under_way_.insert(account_).second) throw rate_limited(1);
  }
  ~Turn() {
    const std::lock_guard lock(mails_.mutex_);
    mails_.under_way_.erase(account_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  TestMails& mails_;
  const std::string account_;
};

TestMails::TestMails(Core& core)
    : core_(core),
      sent_(core.deps.tries, "test_mails", rate_of(core.options, mails_a_minute),
            std::chrono::minutes(1)) {}

void TestMails::add_routes(Router& router) {
  router.add(*this, "POST", "/api/v1/webhooks/{id}/test-mail", Access::write, Body::optional_json,
             &TestMails::send);
}

Task<net::HttpResponse> TestMails::send(Call& call) {
  auto look = [&store = core_.deps.store, account = call.caller.account_id, id = call.ids[0]] {
    return found(store.webhook(account, id));
  };
  co_await core_.disk(call, std::move(look));
  TestMailRequest request = read_request(call);
  if (core_.deps.test_mail == nullptr)
    throw unavailable("test mails are not available on this server");
  refuse_while_stopping(core_);
  const Turn turn(*this, call.caller.account_id);
  auto count = [this, account = call.caller.account_id] { return sent_.take(account); };
  if (const auto wait = co_await core_.disk(call, std::move(count))) throw rate_limited(*wait);
  const Result<TestMailResult> sent = co_await core_.deps.test_mail->send(std::move(request));
  if (!sent && sent.error().fault == Fault::not_found) throw not_found();
  if (!sent) throw unavailable(sent.error().message);
  boost::json::array transcript;
  for (const TestMailResult::Line& line : sent->transcript) {
    transcript.push_back(
        boost::json::object{{"from", line.of_client ? "client" : "server"}, {"line", line.text}});
  }
  boost::json::value trace;
  if (sent->trace_id) trace = *sent->trace_id;
  co_return json_response(200, {{"code", sent->code},
                                {"reply", sent->reply},
                                {"outcome", sent->outcome},
                                {"trace_id", std::move(trace)},
                                {"transcript", std::move(transcript)}});
}

}  // namespace postern::admin
