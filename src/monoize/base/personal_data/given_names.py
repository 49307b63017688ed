"""Given names that are common where many people live: a name that begins with one of them is probably one."""

from typing import Final

_WRITTEN: Final = """
Aaron Adam Adrian Agnieszka Ahmed Alan Albert Alejandro Alessandro Alex Alexander Alexandra Alice Alicia Ali
Amanda Amelia Amy Ana Andre Andrea Andreas Andrew Angela Anita Anja Anke Ann Anna Anne Annette Anthony Antonio
Arthur Ashley Astrid Barbara Beatrice Ben Benjamin Bernd Bernard Birgit Bob Brandon Brian Camille Carl Carla
Carlos Carmen Carol Caroline Catherine Charles Charlotte Chloe Chris Christian Christina Christine Christoph
Christopher Claire Clara Claudia Cristina Daniel Daniela David Deborah Dennis Diana Diego Dieter Dmitri Donald
Dorothy Edward Elena Eleanor Elisa Elisabeth Elizabeth Ella Emily Emma Eric Erik Ernesto Eva Fatima Felix
Fernando Florian Francesca Francesco Francisco Frank Franz Fred Frederik Gabriel Gabriele George Giovanni
Giulia Giuseppe Grace Greta Hanna Hannah Hans Harry Hassan Heather Heike Heinrich Helen Helena Henri Henry
Holger Hugo Ian Ingrid Irina Isabel Isabella Ivan Jack Jacob Jakob James Jan Jane Janet Jason Javier Jean
Jennifer Jens Jessica Joachim Joan Johann Johannes John Jonas Jonathan Jorge Jose José Joseph Joshua Juan
Juana Julia Julian Julie Jürgen Karen Karin Karl Katarzyna Kate Katharina Katherine Kathleen Kevin Klaus
Krzysztof Lars Laura Lauren Lea Lena Leo Leon Linda Lisa Louis Louise Luca Lucas Lucia Luis Luisa Lukas
Magdalena Manfred Manuel Marc Marco Margaret Maria María Marie Mario Mark Markus Martha Martin Martina Mary
Mateusz Matteo Matthew Matthias Max Maximilian Megan Mehmet Melanie Melissa Michael Michel Michelle Miguel
Mohamed Mohammed Monika Muhammad Nancy Natalia Natalie Nicholas Nicolas Nicole Nina Noah Olga Oliver Olivia
Oscar Pablo Paola Patricia Patrick Paul Paula Pauline Pedro Peter Petra Philip Philipp Pierre Piotr Priya
Rachel Rafael Rainer Ralf Raphael Raymond Rebecca Renate Ricardo Richard Robert Roberto Roger Roland Ronald
Rosa Ruth Ryan Sabine Samantha Samuel Sandra Sara Sarah Scott Sebastian Sergei Sergio Sharon Silvia Simon
Sofia Sophia Sophie Stefan Stefanie Stephan Stephanie Stephen Steven Susan Susanne Sven Svetlana Sylvia
Tatiana Teresa Theresa Thomas Tim Timothy Tobias Tom Tomasz Ulrich Ulrike Ursula Uwe Valentina Vanessa Victor
Victoria Vincent Vladimir Walter Werner William Wolfgang Yusuf Yvonne Zoe
"""
GIVEN_NAMES: Final = frozenset(_WRITTEN.split())
