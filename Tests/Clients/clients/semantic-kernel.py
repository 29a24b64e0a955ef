# packages: semantic-kernel
import typing

import openai
import pydantic
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAIChatPromptExecutionSettings, OpenAITextEmbedding
from semantic_kernel.contents import ChatHistory
from semantic_kernel.functions import kernel_function

from client import BASE, QUESTION, check, feature


def api():
    # Each feature has an event loop of its own.
    return openai.AsyncOpenAI(base_url=BASE, api_key="none", max_retries=0)


def service():
    return OpenAIChatCompletion(ai_model_id="demo", async_client=api())


class Balls(pydantic.BaseModel):
    colour: typing.Literal["red", "blue"]
    count: typing.Annotated[int, pydantic.Field(ge=1, le=5)]


def history():
    chat = ChatHistory(system_message="Be brief.")
    chat.add_user_message(QUESTION)
    return chat


@feature("chat")
async def _():
    check(str(await service().get_chat_message_content(history(), OpenAIChatPromptExecutionSettings(max_tokens=24))))


@feature("stream")
async def _():
    parts = [str(part) async for part in service().get_streaming_chat_message_content(history(), OpenAIChatPromptExecutionSettings(max_tokens=24))]
    check("".join(parts))


@feature("schema")
async def _():
    settings = OpenAIChatPromptExecutionSettings(max_tokens=200, response_format=Balls)
    Balls.model_validate_json(str(await service().get_chat_message_content(history(), settings)))


@feature("tools")
async def _():
    asked = []

    class Toys:
        @kernel_function(description="Counts balls.")
        def count(self, colour: typing.Literal["red", "blue"]) -> str:
            asked.append(colour)
            return "seven"

    kernel = Kernel()
    kernel.add_plugin(Toys(), "toys")
    settings = OpenAIChatPromptExecutionSettings(
        max_tokens=200, parallel_tool_calls=False, function_choice_behavior=FunctionChoiceBehavior.Required(auto_invoke=True))
    chat = history()
    await service().get_chat_message_content(chat, settings, kernel=kernel)
    check(len(asked) == 1, f"called {len(asked)} times")


@feature("embeddings")
async def _():
    check(len(await OpenAITextEmbedding(ai_model_id="demo", async_client=api()).generate_embeddings(["a ball", "a cake"])) == 2)
