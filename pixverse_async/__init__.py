"""Asyncio client for GMI Cloud video generation."""
