// jamba.h in C++17: owners that free, exceptions with the library's sentence, and lambdas as callbacks.
#pragma once

#include <jamba.h>

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace jamba {

class error : public std::runtime_error {
  public:
    explicit error(jamba_status status) : std::runtime_error(jamba_last_error()), status(status) {}
    const jamba_status status;
};

inline void check(jamba_status status) {
    if (status != JAMBA_OK) throw error(status);
}

// Options and results with their sizes set and everything else zero.
template <typename T>
T make() {
    T value{};
    value.struct_size = sizeof value;
    return value;
}

struct message {
    std::string role, content;
};

class model {
  public:
    explicit model(const std::string &path, const jamba_model_options &options = make<jamba_model_options>()) {
        jamba_model *opened;
        check(jamba_model_open(path.c_str(), &options, nullptr, &opened));
        handle.reset(opened);
    }

    std::vector<int32_t> tokenize(std::string_view text) const {
        size_t count;
        check(jamba_tokenize(handle.get(), text.data(), text.size(), JAMBA_ADD_SPECIAL, nullptr, 0, &count));
        std::vector<int32_t> tokens(count);
        check(jamba_tokenize(handle.get(), text.data(), text.size(), JAMBA_ADD_SPECIAL, tokens.data(), count, &count));
        return tokens;
    }

    const jamba_model *get() const { return handle.get(); }

  private:
    struct deleter {
        void operator()(jamba_model *model) const { jamba_model_free(model); }
    };
    std::unique_ptr<jamba_model, deleter> handle;
};

class session {
  public:
    explicit session(const model &model, const jamba_session_options &options = make<jamba_session_options>()) {
        jamba_session *created;
        check(jamba_session_create(model.get(), &options, &created));
        handle.reset(created);
    }

    // Takes each piece of text; returns whether to go on.
    using listener = std::function<bool(std::string_view)>;

    jamba_result chat(const std::vector<message> &messages, const jamba_generation_options &options, listener listen) {
        std::vector<jamba_message> given;
        for (const message &each : messages) given.push_back({each.role.c_str(), each.content.c_str(), {}, {}, {}});
        struct listening {
            listener listen;
            std::exception_ptr thrown;  // must not cross the library, and waits until the call is over
        } state{std::move(listen), nullptr};
        auto callbacks = make<jamba_callbacks>();
        callbacks.context = &state;
        callbacks.piece = [](void *context, const jamba_piece *piece) -> int {
            auto &state = *static_cast<listening *>(context);
            try {
                return !state.listen(std::string_view(piece->text, piece->text_length));
            } catch (...) {
                state.thrown = std::current_exception();
                return 1;
            }
        };
        auto result = make<jamba_result>();
        check(jamba_chat(handle.get(), given.data(), given.size(), nullptr, &options, &callbacks, &result));
        if (state.thrown) std::rethrow_exception(state.thrown);
        return result;
    }

  private:
    struct deleter {
        void operator()(jamba_session *session) const { jamba_session_free(session); }
    };
    std::unique_ptr<jamba_session, deleter> handle;
};

}  // namespace jamba
