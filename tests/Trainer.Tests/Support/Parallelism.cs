// Torch's generator belongs to the process: two trainings at once would draw from each other's dropout.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
