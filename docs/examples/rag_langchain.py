"""A small RAG application with LangChain: a retriever over a run, and a chain that answers with sentences of its passages.

    python docs/examples/rag_langchain.py RUN "why does my default list argument keep its values"

Without a language model, the answer quotes the passages word for word, with their ids. ``build_chain`` also takes any LangChain
chat model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough

from embedtune.integrations.langchain import EmbedtuneEmbeddings, EmbedtuneRetriever
from embedtune.serving.excerpts import quote_texts

PROMPT = ChatPromptTemplate.from_template(
    "Answer the question from the passages alone, and name the passages in brackets.\n\n{passages}\n\nQuestion: {question}"
)


def build_chain(run, model=None, k=5):
    """Return a chain from a question to ``documents`` and an ``answer``."""
    retriever = EmbedtuneRetriever(run=str(run), k=k)
    if model is None:
        answer = RunnableLambda(Quoting(run))
    else:
        answer = RunnableLambda(as_prompt_values) | PROMPT | model | StrOutputParser()
    found = RunnableParallel(question=RunnablePassthrough(), documents=retriever)
    return found | RunnablePassthrough.assign(answer=answer)


class Quoting:
    """Answer with the sentences that are nearest to the question."""

    def __init__(self, run):
        self.embedder = EmbedtuneEmbeddings(run=str(run)).embedder

    def __call__(self, found):
        texts = [(document.page_content, document.id) for document in found["documents"]]
        quotes = quote_texts(self.embedder, found["question"], texts)
        lines = [f"{' '.join(each.text.split())} [{each.passage_id}]" for each in quotes]
        return "\n".join(lines) or "Nothing was found."


def as_prompt_values(found):
    """Return the values of the prompt's placeholders."""
    passages = "\n\n".join(f"[{document.id}] {document.page_content}" for document in found["documents"])
    return {"question": found["question"], "passages": passages}


def main(arguments=None):
    """Answer one question, print the answer with its sources, and return it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("question")
    given = parser.parse_args(arguments)
    found = build_chain(given.run).invoke(given.question)
    print(found["answer"], end="\n\n")
    for document in found["documents"]:
        print(f"[{document.id}] {document.metadata['document_id']} {document.metadata.get('title', '')}".rstrip())
    return found


if __name__ == "__main__":
    main()
