"""The quiz: questions about concepts, units and curves, whose every choice is explained."""
