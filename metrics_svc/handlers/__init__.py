"""One function per question: read the window, ask the store, put the answer in order. One module per subject."""
