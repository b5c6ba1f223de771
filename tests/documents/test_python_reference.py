from __future__ import annotations

from pydoc_data.topics import topics

from embedtune.documents.python_reference import read_documents


def test_every_topic_is_a_document_in_order_of_names():
    documents = read_documents()
    assert [document.document_id for document in documents] == sorted(topics)
    assert len(documents) > 70


def test_documents_have_text_and_no_title():
    documents = {document.document_id: document for document in read_documents()}
    assert all(document.text.strip() and document.title == "" for document in documents.values())
    assert documents["assert"].text.startswith('The "assert" statement')
    assert documents["assert"].text == topics["assert"].strip() + "\n"
