// A driver without sockets for session tests: answers every event and records what happens.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "smtp/server_session.h"

namespace postern::smtp {

class TestDriver {
 public:
  /// Whether the fed octets stay valid after an event: a driver may wait then, and another session
  /// reuses the buffer.
  enum class Buffer { stays, is_overwritten };

  explicit TestDriver(const ServerOptions& options, Buffer buffer = Buffer::stays)
      : session_(options), buffer_(buffer) {}

  ServerSession& session() { return session_; }
  /// Overrides the default answer to one of `helo auth mail rcpt data message xclient`.
  void answer(const std::string& what, const Reply& reply) { answers_[what] = reply; }
  void usual_answer(const std::string& what) { answers_.erase(what); }

  /// Feeds octets and answers events until the session needs input. Does nothing after Closed.
  void say(std::string_view octets) {
    if (over_) return;
    fed_.assign(octets);
    session_.feed(fed_);
    while (step()) {
    }
    fed_.assign(fed_.size(), '!');
    const std::string out = session_.take_output();
    output += out;
  }

  /// Server octets that no check has consumed.
  std::string output;
  /// One line per event; see tests/sessions/README.md.
  std::vector<std::string> events;
  std::vector<std::string> messages;

 private:
  bool step() {
    Event event = session_.next();
    if (buffer_ == Buffer::is_overwritten && !std::holds_alternative<Chunk>(event)) {
      session_.keep_input();
      fed_.assign(fed_.size(), '!');
    }
    return std::visit([this](auto& e) { return handle(e); }, event);
  }

  void decide(const std::string& what, const Reply& usual) {
    const auto found = answers_.find(what);
    session_.reply(found == answers_.end() ? usual : found->second);
  }

  bool handle(const NeedInput&) { return false; }
  bool handle(const Helo& helo) {
    events.push_back((helo.extended ? "ehlo " : "helo ") + helo.name);
    if (answers_.contains("helo")) {
      session_.reply(answers_["helo"]);
    } else {
      session_.accept();
    }
    return true;
  }
  bool handle(const StartTls&) {
    events.emplace_back("starttls");
    return false;
  }
  bool handle(const ScramName& name) {
    events.push_back("scram " + name.authz_id + "/" + name.authn_id);
    session_.scram(scram_keys_of(Secret("correct horse"), "salt", 4096), "server");
    return true;
  }
  bool handle(const Auth& auth) {
    events.push_back("auth " + auth.mechanism + " " + auth.authz_id + "/" + auth.authn_id);
    const bool right = auth.proof == Proof::none ? auth.password.equals("correct horse")
                                                 : auth.proof == Proof::right;
    decide("auth", right ? Reply{235, {2, 7, 0}, "authenticated"}
                         : Reply{535, {5, 7, 8}, "authentication failed"});
    return true;
  }
  bool handle(const Mail& mail) {
    std::string event = "mail <" + (mail.reverse_path ? mail.reverse_path->text() : "") + ">";
    if (mail.size) event += " size=" + std::to_string(*mail.size);
    if (mail.smtputf8) event += " smtputf8";
    if (mail.body_8bitmime) event += " 8bitmime";
    if (mail.requiretls) event += " requiretls";
    if (!mail.ret.empty()) event += " ret=" + mail.ret;
    if (!mail.envid.empty()) event += " envid=" + mail.envid;
    events.push_back(event);
    decide("mail", {250, {2, 1, 0}, "sender ok"});
    return true;
  }
  bool handle(const Rcpt& rcpt) {
    std::string event = "rcpt <" + rcpt.forward_path.text() + ">";
    if (!rcpt.notify.empty()) event += " notify=" + rcpt.notify;
    if (!rcpt.orcpt.empty()) event += " orcpt=" + rcpt.orcpt;
    events.push_back(event);
    const std::string& local = rcpt.forward_path.local_part;
    if (local.starts_with("unknown")) {
      decide("rcpt", {550, {5, 1, 1}, "no such recipient"});
    } else if (local.starts_with("defer")) {
      decide("rcpt", {450, {4, 2, 1}, "try later"});
    } else if (local.starts_with("shut")) {
      decide("rcpt", {421, {4, 3, 2}, "shutting down"});
    } else {
      decide("rcpt", {250, {2, 1, 5}, "recipient ok"});
    }
    return true;
  }
  bool handle(const Vrfy& vrfy) {
    events.push_back("vrfy <" + vrfy.mailbox.text() + ">");
    decide("vrfy", {252, {2, 0, 0}, "perhaps"});
    return true;
  }
  bool handle(const Etrn& etrn) {
    events.push_back("etrn " + etrn.domain);
    decide("etrn", {250, {2, 0, 0}, "queuing started"});
    return true;
  }
  bool handle(const Data& data) {
    events.emplace_back(data.chunked ? "bdat" : "data");
    message_.clear();
    if (answers_.contains("data")) {
      session_.reply(answers_["data"]);
    } else {
      session_.proceed();
    }
    return true;
  }
  bool handle(const Chunk& chunk) {
    message_ += chunk.bytes;
    return true;
  }
  bool handle(const EndOfData& end) {
    events.push_back("message " + message_);
    if (end.size != message_.size()) events.emplace_back("WRONG SIZE");
    messages.push_back(std::exchange(message_, {}));
    decide("message", {250, {2, 0, 0}, "accepted"});
    return true;
  }
  bool handle(const Aborted& aborted) {
    events.push_back(aborted.reply.code == 0 ? "aborted" : "aborted " + aborted.reply.to_string());
    message_.clear();
    return true;
  }
  bool handle(const Xclient& xclient) {
    std::string event = "xclient";
    if (xclient.address) event += " addr=" + xclient.address->to_string();
    if (xclient.name) event += " name=" + *xclient.name;
    if (xclient.helo) event += " helo=" + *xclient.helo;
    if (xclient.login) event += " login=" + *xclient.login;
    events.push_back(event);
    decide("xclient", {220, {}, "mx.example.org ESMTP Postern"});
    return true;
  }
  bool handle(const Closed& closed) {
    static constexpr const char* reasons[] = {"quit",   "too_many_errors", "protocol",
                                              "policy", "auth_failures",   "limit"};
    events.push_back(std::string("closed ") + reasons[static_cast<int>(closed.reason)]);
    over_ = true;
    return false;
  }

  ServerSession session_;
  Buffer buffer_;
  std::string fed_;
  std::map<std::string, Reply> answers_;
  std::string message_;
  bool over_ = false;
};

}  // namespace postern::smtp
