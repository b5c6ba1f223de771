"""A run behind the interfaces of OpenAI, Cohere and Text Embeddings Inference, with dynamic batches and limits."""
