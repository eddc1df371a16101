// Checks stage maps: the names of stages, and the directives in them; and the values of objects.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "dialect/vsl/compiler.h"
#include "dialect/vsl/loader.h"
#include "dialect/vsl/object.h"
#include "dialect/vsl/walk.h"

namespace postern::dialect::vsl {

namespace {

using policy::Stage;

std::string stage_hint(std::string_view written) {
  std::vector<std::string_view> all;
  for (std::size_t i = 0; i < policy::stage_count; ++i) {
    const std::string_view word = word_of(static_cast<Stage>(i));
    if (stage_named(word) == static_cast<Stage>(i)) all.push_back(word);
  }
  const auto near = nearest(written, all);
  if (near) return "did you mean `" + std::string(*near) + "`?";
  // Words of SMTP that users may write instead of a stage.
  const bool is_message = written == "data" || written == "message" || written == "eom";
  if (is_message) return "the stage of a received message is `preq`";
  if (written == "ehlo") return "it is `helo`";
  if (written == "auth") return "it is `authenticate`";
  if (written == "queued") return "it is `postq`";
  return "stages are connect, helo, authenticate, mail, rcpt, preq, postq and delivery";
}

/// Whether the node certainly is neither a function without parameters nor a map.
bool is_no_function(const Node& body) {
  switch (body.kind) {
    case Kind::integer:
    case Kind::real:
    case Kind::string:
    case Kind::boolean:
    case Kind::unit:
    case Kind::interpolate:
    case Kind::array:
    case Kind::unary:
    case Kind::directive:
    case Kind::object:
    case Kind::service:
      return true;
    case Kind::closure:
      return !body.names.empty();
    case Kind::binary:
      return body.text != "??";
    default:
      return false;
  }
}

std::string error_of(const auto& result) { return result ? std::string() : result.error().message; }

class Checker {
 public:
  explicit Checker(const File& file) : file_(file) {}

  std::vector<Mistake> run() {
    for (const NodePtr& statement : file_.body) {
      if (statement->kind != Kind::map) continue;
      for (std::size_t i = 0; i < statement->nodes.size(); ++i) {
        stage(statement->names[i], *statement->nodes[i]);
      }
    }
    return std::move(mistakes_);
  }

 private:
  void stage(const Name& name, const Node& value) {
    const std::optional<Stage> stage = stage_named(name.text);
    if (!stage) {
      add(name.at, "there is no stage `" + name.text + "`", stage_hint(name.text));
    }
    if (value.kind != Kind::array) {
      add(value.at, "the stage `" + name.text + "` is not an array of rules",
          "as in `" + name.text + ": [ rule \"name\" || next() ]`");
      return;
    }
    for (const NodePtr& element : value.nodes) {
      if (element->kind == Kind::directive) {
        directive(*element, stage);
      } else {
        add(element->at, "the stage `" + name.text + "` holds something that is no rule",
            "a stage holds `rule`, `action` and `delegate`");
      }
    }
  }

  void directive(const Node& one, std::optional<Stage> stage) {
    const auto [before, is_new] = names_.emplace(one.text, one.text_at);
    if (!is_new) {
      add(one.text_at, "the name \"" + one.text + "\" is given twice",
          "the first one is in line " + std::to_string(before->second.line) +
              "; names are unique over all stages");
    }
    const bool queued = stage == Stage::queued || stage == Stage::delivery;
    if (one.word == "delegate" && stage && !queued) {
      add(one.at, "`delegate` is possible only in `postq` and `delivery`",
          "a message can be passed to another server after it has been received");
    }
    body(one, *one.nodes.front());
  }

  void body(const Node& directive, const Node& body) {
    const std::string what = "the " + directive.word + " \"" + directive.text + "\"";
    const std::string hint = "write `" + directive.word + " \"name\" || ...`";
    if (body.kind == Kind::map) {
      const auto key = std::ranges::find(body.names, "evaluate", &Name::text);
      if (key == body.names.end()) {
        add(body.at, what + " has no `evaluate`", "as in `#{ evaluate: || next() }`");
      } else {
        const Node& function = *body.nodes[static_cast<std::size_t>(key - body.names.begin())];
        if (is_no_function(function) || function.kind == Kind::map) {
          add(function.at, "`evaluate` of " + what + " is not a function without parameters");
        }
      }
    } else if (is_no_function(body)) {
      add(body.at, what + " is not a function without parameters", hint);
    }
  }

  void add(Position at, std::string message, std::string hint = {}) {
    mistakes_.push_back({file_.name, at, std::move(message), std::move(hint)});
  }

  const File& file_;
  std::map<std::string, Position, std::less<>> names_;
  std::vector<Mistake> mistakes_;
};

}  // namespace

std::vector<Mistake> check_objects(const Sources& sources) {
  std::vector<Mistake> mistakes;
  for (const File& file : sources.files) {
    for_each_node_of(file, [&](const Node& node) {
      if (node.kind != Kind::object || node.nodes.front()->kind != Kind::string) return;
      const std::string& text = node.nodes.front()->text;
      const auto type = object_type(node.word);
      if (!type || *type == Object::Type::file || *type == Object::Type::group ||
          *type == Object::Type::string) {
        return;
      }
      const auto why = *type == Object::Type::code ? error_of(Object::parse_code(text))
                                                   : error_of(Object::make(*type, text));
      if (!why.empty()) mistakes.push_back({file.name, node.at, why, ""});
    });
  }
  return mistakes;
}

std::vector<Mistake> check_stages(const Sources& sources) {
  return Checker(sources.files.front()).run();
}

}  // namespace postern::dialect::vsl
